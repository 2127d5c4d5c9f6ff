FROM base/busybox:1
ENV NAME
