ARG version=1
FROM base/busybox:$version AS one
FROM base/busybox:${other:-1} AS two
FROM base/busybox:1
RUN echo $PAHT
ENV x=$undefined_one y=${defaulted:-d}
