FROM base/busybox:1
COPY nothing*.txt /x/
