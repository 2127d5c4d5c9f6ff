FROM base/busybox:1
WORKDIR /etc/passwd
RUN true
