FROM base/busybox:1
RUN <<EOF
echo never ends
