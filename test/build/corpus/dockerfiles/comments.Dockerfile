# first

FROM base/busybox:1
  # indented comment
RUN echo one \
# inside a continuation
  two \
   # indented inside

  three >/out # not a comment
RUN echo "# kept" >>/out
ENV a=b \
  # comment
  c=d
