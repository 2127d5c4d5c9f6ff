FROM base/busybox:1
RUN --mount=type=secret,id=absent,required=true true
