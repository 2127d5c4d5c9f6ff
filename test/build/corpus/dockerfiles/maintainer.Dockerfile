FROM base/busybox:1
MAINTAINER Somebody <some@example.com>
