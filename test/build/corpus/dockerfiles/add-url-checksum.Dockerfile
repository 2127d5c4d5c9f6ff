FROM base/busybox:1
ADD --checksum=sha256:6800e5a138da1ed186442cecbb944d165db00a45ce6eec03dcf39779d73c7a3f @SERVER@/hello.txt /1
