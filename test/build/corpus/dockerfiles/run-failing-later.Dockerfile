FROM base/busybox:1
RUN true
RUN echo out; echo err >&2; \
    false
RUN echo never
