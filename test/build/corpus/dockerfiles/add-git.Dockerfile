FROM base/busybox:1
ADD @SERVER@/repo.git /1
ADD @SERVER@/repo.git#v1 /2
ADD @SERVER@/repo.git#main:sub /3
ADD --chown=guest --chmod=700 @SERVER@/repo.git#v1 /4
