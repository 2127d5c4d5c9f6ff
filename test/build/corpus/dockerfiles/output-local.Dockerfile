FROM base/busybox:1 AS made
RUN mkdir -p /out/dir && echo x >/out/dir/x && ln -s x /out/dir/l && chmod 750 /out/dir/x && ln /out/dir/x /out/dir/hard
FROM scratch
COPY --from=made /out /
COPY a /a
