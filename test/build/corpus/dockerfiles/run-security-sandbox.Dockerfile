FROM base/busybox:1
RUN --security=sandbox echo ok >/out
