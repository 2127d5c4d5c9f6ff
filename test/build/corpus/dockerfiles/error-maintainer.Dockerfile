FROM base/busybox:1
MAINTAINER
