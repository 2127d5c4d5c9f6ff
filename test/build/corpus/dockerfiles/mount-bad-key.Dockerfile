FROM base/busybox:1
RUN --mount=type=tmpfs,target=/x,colour=red true
