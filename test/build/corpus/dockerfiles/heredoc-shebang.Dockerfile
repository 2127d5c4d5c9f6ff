FROM base/busybox:1
RUN <<EOF
#!/usr/bin/env ash
echo "$0" | sed 's/[0-9]*$//' >/out
EOF
RUN <<EOF awk '{print $2}' >/col
a b
c d
EOF
