FROM base/busybox:1
ENV SET=yes
WORKDIR /here
RUN env | sort | grep -v '^HOSTNAME' >/env; pwd >/pwd; umask >/umask; echo $$ >/pid; id >/id
RUN grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status >/status
RUN ls /dev | sort >/dev.list; ls -l /proc/self/fd | wc -l >/fds; cat </dev/null | wc -c >/stdin; tty >/tty || true
RUN for f in /proc/kcore /proc/keys /sys/firmware /proc/sys/kernel/hostname; do (test -w $f && echo w $f || echo r $f); done >/masked
