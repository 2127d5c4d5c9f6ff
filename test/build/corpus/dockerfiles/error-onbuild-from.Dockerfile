FROM base/busybox:1
ONBUILD FROM scratch
