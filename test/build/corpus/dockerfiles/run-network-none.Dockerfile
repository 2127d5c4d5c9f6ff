FROM base/busybox:1
RUN --network=none ls /sys/class/net >/net && ! ping -c1 -W1 127.0.0.2 >/dev/null 2>&1 || true
RUN --network=default ls /sys/class/net | sort | head -3 >/default
