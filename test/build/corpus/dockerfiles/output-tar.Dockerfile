FROM base/busybox:1 AS made
RUN mkdir -p /out/dir && echo x >/out/dir/x && ln -s x /out/dir/l && chown 5:6 /out/dir/x
FROM scratch
COPY --from=made /out /
COPY a /a
