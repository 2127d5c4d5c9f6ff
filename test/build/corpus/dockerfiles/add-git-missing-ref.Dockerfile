FROM base/busybox:1
ADD @SERVER@/repo.git#no-such-branch /1
