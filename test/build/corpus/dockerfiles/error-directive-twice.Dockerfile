# escape=\
# escape=`
FROM base/busybox:1
