FROM base/busybox:1
RUN cat /etc/hosts | grep -q localhost && test -s /etc/resolv.conf && echo there >/out
RUN touch /dev/left /dev/shm/left /proc/left 2>/dev/null; true
