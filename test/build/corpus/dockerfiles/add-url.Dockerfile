FROM base/busybox:1
ADD @SERVER@/hello.txt /1
ADD @SERVER@/hello.txt /dir/
ADD @SERVER@/archive.tar.gz /3/
ADD --chown=guest --chmod=755 @SERVER@/hello.txt /4
ADD @SERVER@/moved.txt /5/
ADD @SERVER@/dateless.txt /7/
