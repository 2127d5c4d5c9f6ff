FROM base/busybox:1
COPY dangling /x
