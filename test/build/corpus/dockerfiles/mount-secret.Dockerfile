FROM base/busybox:1
RUN --mount=type=secret,id=token cat /run/secrets/token | md5sum >/one; stat -c '%a %u:%g' /run/secrets/token >>/one
RUN --mount=type=secret,id=token,target=/etc/token,uid=1000,gid=29,mode=0440 stat -c '%a %u:%g' /etc/token >/two
RUN --mount=type=secret,id=token,env=TOKEN echo "$TOKEN" | md5sum >/three; ls /run/secrets 2>/dev/null >>/three || echo none >>/three
RUN --mount=type=secret,id=absent ls /run/secrets/absent 2>/dev/null || echo absent >/four
RUN --mount=type=secret,id=from-env,target=/s cat /s | md5sum >/five
RUN ls -a /run /etc | grep -c token >/six || true
