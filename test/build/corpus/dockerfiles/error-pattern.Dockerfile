FROM base/busybox:1
ENV a=b.c
ENV d=${a/\./-}
