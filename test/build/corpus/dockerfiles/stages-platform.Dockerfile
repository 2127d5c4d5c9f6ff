ARG p=linux
FROM --platform=$p base/busybox:1
RUN echo ok >/out
