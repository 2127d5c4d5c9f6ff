FROM base/busybox:1
RUN
WORKDIR
