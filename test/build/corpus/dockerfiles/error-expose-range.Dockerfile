FROM base/busybox:1
EXPOSE 99999
