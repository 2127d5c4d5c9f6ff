FROM base/busybox:1 AS 1one
