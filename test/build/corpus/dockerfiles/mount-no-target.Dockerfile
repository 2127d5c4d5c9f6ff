FROM base/busybox:1
RUN --mount=type=cache true
