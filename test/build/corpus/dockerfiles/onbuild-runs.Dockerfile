FROM base/onbuild:1
RUN ls /app >/after
