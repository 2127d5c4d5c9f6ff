FROM base/busybox:1 AS one
CMD ["x"]
