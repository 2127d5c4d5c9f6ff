FROM base/busybox:1
ONBUILD ONBUILD RUN true
