FROM base/busybox:1
COPY --parents dir/sub/deep /1/
COPY --parents dir/./sub/deep a /2/
COPY --parents ./d*/**/*.t?t /3/
COPY --parents=false dir/in /4/
FROM base/busybox:1
COPY --from=0 /2 /2
COPY --from=0 /3 /3
COPY --from=0 /4 /4
COPY --from=0 --parents /etc/./passwd /5/
COPY --from=0 --parents /1/dir /6/
