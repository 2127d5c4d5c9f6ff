FROM base/busybox:1 AS a
RUN echo a >/a
FROM base/busybox:1 AS b
RUN echo b >/b
FROM base/busybox:1 AS c
RUN echo c >/c
FROM scratch
COPY --from=a /a /
COPY --from=b /b /
COPY --from=c /c /
