FROM base/busybox:1 AS first
ARG id
RUN --mount=type=cache,id=$id,target=/cache,uid=1000,gid=29,mode=0711 stat -c '%u:%g %a' /cache >/stat; echo one >/cache/file
FROM base/busybox:1
ARG id
COPY --from=first /stat /stat
RUN --mount=type=cache,id=$id,target=/cache,sharing=locked cat /cache/file >/two
RUN --mount=type=cache,id=$id,target=/cache,ro touch /cache/x 2>/dev/null || echo read-only >/three
RUN --mount=type=cache,target=/from,from=first,source=/etc,sharing=private ls /from | sort | head -2 >/four; touch /from/x
RUN ls -la /cache | wc -l >/five
