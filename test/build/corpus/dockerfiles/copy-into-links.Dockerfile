FROM base/busybox:1
RUN mkdir /real && ln -s /real /abs && ln -s real /rel && ln -s /etc/target /file-link && ln -s ../../../../etc /climb
COPY a /abs/
COPY a /rel/b
COPY dir /abs
COPY a /file-link
COPY a /climb/climbed
