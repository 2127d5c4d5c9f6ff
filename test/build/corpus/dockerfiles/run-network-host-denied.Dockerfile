FROM base/busybox:1
RUN --network=host true
