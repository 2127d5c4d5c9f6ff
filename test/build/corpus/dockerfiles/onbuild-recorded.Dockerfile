FROM base/busybox:1
ONBUILD COPY . /app
ONBUILD RUN echo "$x ${y:-z}" \
  && true
ONBUILD ENV a=b
