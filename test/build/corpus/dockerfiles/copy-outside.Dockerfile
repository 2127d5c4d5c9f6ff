FROM base/busybox:1
COPY ../../../etc/hostname /x
COPY /a /y
