FROM base/busybox:1
ADD hostile.tar /in/side/
