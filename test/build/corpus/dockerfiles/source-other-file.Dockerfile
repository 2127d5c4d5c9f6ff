FROM base/busybox:1
RUN exit 1
