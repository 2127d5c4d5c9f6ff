FROM @BEFORE@
RUN cat /triggered >/seen
FROM base/busybox:1
COPY --from=0 /seen /seen
