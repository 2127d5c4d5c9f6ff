FROM base/busybox:1 AS base
ENV from=first
FROM base AS alpine
RUN echo $from >/out
FROM alpine
RUN cat /out >/out2
