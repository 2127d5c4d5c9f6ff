FROM base/busybox:1
USER guest
RUN id >/tmp/1
USER 1000:29
RUN id >/tmp/2
USER guest:audio
RUN id >/tmp/3; echo $HOME >/tmp/home
ARG who=daemon
USER ${who}
WORKDIR /work-of-daemon
USER 4242
RUN id >/tmp/4
