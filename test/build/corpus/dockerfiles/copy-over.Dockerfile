FROM base/busybox:1
RUN mkdir -p /d/sub && echo keep >/d/keep && echo old >/d/in && chmod 700 /d && chown guest /d/sub
COPY dir /d
COPY a /d/sub/deep
