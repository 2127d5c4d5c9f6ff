FROM base/busybox:1
ADD --keep-git-dir=true @SERVER@/repo.git#v1 /g
RUN cat /g/.git/HEAD >/head; ls /g >/list; rm -r /g
