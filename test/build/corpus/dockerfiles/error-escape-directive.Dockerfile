# escape=x
FROM base/busybox:1
