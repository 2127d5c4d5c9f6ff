FROM base/busybox:1
ADD @SERVER@/named /dir/
