FROM base/busybox:1
RUN ["/no/such/program"]
