FROM base/busybox:1
HEALTHCHECK CMD ["true", "x y"]
