FROM base/busybox:1 AS one
ADD plain.tar /d
RUN cp -p /d/capable /d/moved
FROM base/busybox:1
COPY --from=one /d/moved /d/capable /kept/
