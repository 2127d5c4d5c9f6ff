FROM base/busybox:1 AS one
RUN echo one >/one
LABEL stage=one
FROM one AS two
RUN exit 1
