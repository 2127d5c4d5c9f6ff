FROM base/busybox:1
COPY --chown= a /a
