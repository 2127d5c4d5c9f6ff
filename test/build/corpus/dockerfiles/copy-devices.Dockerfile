FROM base/busybox:1 AS one
RUN mkdir /d && mknod /d/null c 1 3 && mkfifo /d/fifo && echo s >/d/s && chmod 4711 /d/s
FROM base/busybox:1
COPY --from=one /d /d
