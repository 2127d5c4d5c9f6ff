# check=error=true
FROM base/busybox:1 as one
RUN echo never
