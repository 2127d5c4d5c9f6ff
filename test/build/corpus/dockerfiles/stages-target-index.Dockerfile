FROM base/busybox:1
RUN echo zero >/zero
FROM base/busybox:1
RUN exit 1
