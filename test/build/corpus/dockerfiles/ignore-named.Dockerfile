FROM base/busybox:1
COPY . /all
