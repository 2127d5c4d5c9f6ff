# one builds things
FROM base/busybox:1 AS one
FROM base/busybox:1
FROM one AS two
