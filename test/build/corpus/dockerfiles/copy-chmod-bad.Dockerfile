FROM base/busybox:1
COPY --chmod=99x a /1
