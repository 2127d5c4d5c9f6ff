FROM --platform=nonsense/x/y/z base/busybox:1
