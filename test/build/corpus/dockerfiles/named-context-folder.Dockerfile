FROM base/busybox:1
COPY --from=other . /other
RUN --mount=from=other,target=/m cat /m/file >/through
