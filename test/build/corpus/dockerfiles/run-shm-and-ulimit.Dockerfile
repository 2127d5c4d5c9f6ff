FROM base/busybox:1
RUN df -k /dev/shm | awk 'NR==2 {print $2}' >/shm; ulimit -n >/nofile
