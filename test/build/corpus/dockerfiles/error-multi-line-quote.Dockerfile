FROM base/busybox:1
RUN one \
  two && \
  false
CMD x
