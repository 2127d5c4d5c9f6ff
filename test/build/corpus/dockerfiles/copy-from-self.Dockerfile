FROM base/busybox:1 AS one
COPY --from=one /a /b
