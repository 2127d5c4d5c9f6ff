FROM base/busybox:1
COPY ignored.log /x
