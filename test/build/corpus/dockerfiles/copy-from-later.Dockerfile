FROM base/busybox:1 AS one
COPY --from=two /a /b
FROM base/busybox:1 AS two
FROM one
