# check=skip=all
FROM base/busybox:1 as one
CMD echo $HOME
