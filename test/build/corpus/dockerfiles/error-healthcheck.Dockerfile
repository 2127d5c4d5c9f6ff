FROM base/busybox:1
HEALTHCHECK --interval=soon CMD true
