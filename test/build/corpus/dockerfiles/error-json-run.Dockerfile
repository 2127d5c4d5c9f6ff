FROM base/busybox:1
RUN ["echo", "x" "y"] 2>/dev/null || exit 5
