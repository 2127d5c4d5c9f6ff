ARG base=busybox
ARG tag=1
FROM base/${base}:${tag}
ARG base
ARG tag=own
ARG nothing
ARG with="a default" second=$with
ARG given=default
RUN echo "$base|$tag|$nothing|$with|$second|$given" >/args
ENV given=env
RUN echo "$given" >>/args
FROM base/busybox:1 AS next
ARG given
COPY --from=0 /args /args
RUN echo "in next: $base|$tag|$given" >>/args
