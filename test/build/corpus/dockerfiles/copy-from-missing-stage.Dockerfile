FROM base/busybox:1
COPY --from=nowhere.invalid/x:1 /a /b
