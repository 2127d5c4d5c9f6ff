FROM base/busybox:1
ADD --unpack=true @SERVER@/archive.tar.gz /1/
