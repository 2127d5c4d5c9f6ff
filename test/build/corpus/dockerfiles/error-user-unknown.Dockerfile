FROM base/busybox:1
USER nobody-there
RUN true
