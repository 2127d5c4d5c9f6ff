FROM base/busybox:1
COPY . /m/
FROM base/busybox:1
COPY --from=0 /m /m
