FROM base/busybox:1
COPY --chown=nobody-there a /1
