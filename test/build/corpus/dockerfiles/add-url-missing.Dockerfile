FROM base/busybox:1
ADD @SERVER@/nothing /1
