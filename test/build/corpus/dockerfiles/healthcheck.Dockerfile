FROM base/busybox:1
HEALTHCHECK --interval=1m --timeout=3s --start-period=1m30s --start-interval=2s --retries=7 CMD wget -q localhost || exit 1
