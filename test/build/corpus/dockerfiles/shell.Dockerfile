FROM base/busybox:1
SHELL ["/bin/ash", "-exc"]
RUN echo "$0 $-" >/shell
ENTRYPOINT run me
CMD and me
HEALTHCHECK CMD check me
