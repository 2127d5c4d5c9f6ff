FROM base/busybox:1
LABEL ""=x
