FROM base/busybox:1
ARG s=QUIT
STOPSIGNAL SIG${s}
