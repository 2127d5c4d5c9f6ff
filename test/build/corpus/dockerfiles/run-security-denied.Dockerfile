FROM base/busybox:1
RUN --security=insecure true
