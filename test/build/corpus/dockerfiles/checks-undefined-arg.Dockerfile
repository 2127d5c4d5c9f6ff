ARG version
FROM base/busybox:$version AS one
FROM base/busybox:${other} AS two
FROM base/busybox:1
RUN echo $PAHT
ENV x=$undefined_one y=${defaulted:-d}
