FROM base/busybox:1
ARG port=8080
ENV other=9090
EXPOSE 80 443/tcp 53/udp $port ${other}/sctp
EXPOSE 7000-7002
EXPOSE 80/tcp
