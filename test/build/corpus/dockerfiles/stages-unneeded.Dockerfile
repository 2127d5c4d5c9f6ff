FROM base/busybox:1 AS never
RUN exit 9
FROM base/busybox:1 AS one
RUN echo one >/one
FROM one AS two
RUN echo two >/two
FROM base/busybox:1 AS after-never
COPY --from=never /x /x
FROM two
COPY --from=one /one /copied
