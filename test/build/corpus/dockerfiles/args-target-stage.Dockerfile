FROM base/busybox:1 AS chosen
ARG TARGETSTAGE
RUN echo "$TARGETSTAGE" >/out
FROM base/busybox:1
RUN false
