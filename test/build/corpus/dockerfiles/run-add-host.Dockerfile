FROM base/busybox:1
RUN grep 192.0.2.7 /etc/hosts | tr '\t' ' ' >/out
