FROM base/busybox:1 AS replaced
RUN exit 1
FROM base/busybox:1
COPY --from=replaced /file /file
