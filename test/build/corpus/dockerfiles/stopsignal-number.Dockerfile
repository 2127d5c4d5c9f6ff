FROM base/busybox:1
STOPSIGNAL 9
