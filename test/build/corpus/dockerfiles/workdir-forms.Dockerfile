FROM base/busybox:1
WORKDIR /a
WORKDIR b
WORKDIR ../c/./d/
ENV D=/from/env
WORKDIR $D/x
RUN pwd >here
WORKDIR "/with space"
RUN pwd >here
WORKDIR /etc
