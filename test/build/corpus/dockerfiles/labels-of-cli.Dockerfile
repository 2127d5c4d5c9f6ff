FROM base/busybox:1
LABEL a=file
