FROM base/busybox:1 as Build
MAINTAINER me
WORKDIR relative
run echo lower
ENV OLD style
ENV API_TOKEN=abc
ARG PASSWORD=x
COPY $undefined/a /a
CMD echo shell form
CMD ["again"]
EXPOSE 80/TCP
FROM base/busybox:1 AS scratch
ENTRYPOINT echo x
FROM --platform=$TARGETPLATFORM base/busybox:1 AS context
RUN echo one \

  two
FROM --platform=linux/amd64 base/busybox:1 AS context
HEALTHCHECK CMD a
HEALTHCHECK CMD b
