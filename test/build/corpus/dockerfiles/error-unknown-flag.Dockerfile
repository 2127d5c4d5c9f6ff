FROM base/busybox:1
COPY --colour=red a /a
