# check=skip=FromAsCasing,WorkdirRelativePath
FROM base/busybox:1 as one
WORKDIR rel
CMD echo $HOME
