FROM base/busybox:1
RUN ln -s /etc /linked && echo old >/tmp/x
COPY --link a /linked/a
COPY --link --chown=1000:29 --chmod=640 dir /d
COPY --link=false a /linked/b
COPY --link a /deep/er/a
RUN ls -ld /linked >/dev/null; ls /linked | head -1 >/seen
