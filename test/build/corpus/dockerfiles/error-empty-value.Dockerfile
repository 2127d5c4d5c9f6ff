FROM base/busybox:1
ARG nothing
WORKDIR $nothing
USER $nothing
