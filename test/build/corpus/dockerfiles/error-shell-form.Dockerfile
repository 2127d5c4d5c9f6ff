FROM base/busybox:1
SHELL /bin/ash -c
