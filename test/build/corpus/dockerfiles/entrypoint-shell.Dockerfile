FROM base/busybox:1
CMD ["args"]
ENTRYPOINT exec top -b
