# a comment
# escape=`
FROM base/busybox:1
RUN echo one \
  two >/out
