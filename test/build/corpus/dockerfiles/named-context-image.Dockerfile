FROM alpine:9.9
RUN echo "$FROM_BASE" >/tmp/out
