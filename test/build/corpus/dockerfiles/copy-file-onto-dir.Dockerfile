FROM base/busybox:1
RUN mkdir /x
COPY a /x
