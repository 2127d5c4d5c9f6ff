FROM base/busybox:1
RUN ["/bin/sh", "-c", "echo \"exec $HOME\" >/out"]
RUN [ "touch", "/b b" ]
COPY ["with space", "to space/"]
ADD [ "a", "b", "/ab/" ]
SHELL [ "/bin/sh", "-c" ]
