FROM base/busybox:1
RUM echo x
