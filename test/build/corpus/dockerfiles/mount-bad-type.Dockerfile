FROM base/busybox:1
RUN --mount=type=nonsense,target=/x true
