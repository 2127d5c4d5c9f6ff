ARG which=one
FROM base/busybox:1 AS one
ENV chosen=one
FROM base/busybox:1 AS two
ENV chosen=two
FROM ${which:-one} AS last
RUN echo $chosen >/out
