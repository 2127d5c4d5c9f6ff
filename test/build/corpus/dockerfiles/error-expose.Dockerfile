FROM base/busybox:1
EXPOSE 80/nonsense
