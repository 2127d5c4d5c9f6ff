FROM base/busybox:1
RUN --nothing true
