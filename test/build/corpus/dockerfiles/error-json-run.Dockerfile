FROM base/busybox:1
RUN ["echo", "x" "y"]
