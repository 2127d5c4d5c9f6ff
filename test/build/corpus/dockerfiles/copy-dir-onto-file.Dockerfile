FROM base/busybox:1
COPY a /x
COPY dir /x
