FROM base/busybox:1
ADD a /1
ADD dir /2
ADD a dir/in /3/
ADD --chmod=640 --chown=1:2 a /4
ADD --link dir /5
