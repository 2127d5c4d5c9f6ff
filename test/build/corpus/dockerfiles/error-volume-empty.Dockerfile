FROM base/busybox:1
VOLUME [""]
