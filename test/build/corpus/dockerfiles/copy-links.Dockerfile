FROM base/busybox:1
COPY to-file /1
COPY to-dir /2/
COPY to-dir/ /3/
COPY . /all
