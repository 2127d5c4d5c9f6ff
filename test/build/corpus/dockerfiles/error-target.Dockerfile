FROM base/busybox:1 AS one
