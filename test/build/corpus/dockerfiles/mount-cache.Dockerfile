FROM base/busybox:1 AS first
RUN --mount=type=cache,id=corpus,target=/cache,uid=1000,gid=29,mode=0711 stat -c '%u:%g %a' /cache >/stat; echo one >/cache/file
FROM base/busybox:1
COPY --from=first /stat /stat
RUN --mount=type=cache,id=corpus,target=/cache,uid=1000,gid=29,mode=0711,sharing=locked cat /cache/file >/two
RUN --mount=type=cache,id=corpus,target=/cache,uid=1000,gid=29,mode=0711,ro touch /cache/x 2>/dev/null || echo read-only >/three
RUN --mount=type=cache,target=/from,from=first,source=/etc,sharing=private ls /from | sort | head -2 >/four; touch /from/x
RUN ls -la /cache | wc -l >/five
