FROM base/busybox:1
HEALTHCHECK true
