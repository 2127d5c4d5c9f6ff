FROM base/busybox:1
LABEL one=1 "two words"="a b" three="multi\
 line"
LABEL old style value
LABEL com.example.vendor="ACME $NOTHING Inc" one=again
ARG v=arg
LABEL arg=$v
