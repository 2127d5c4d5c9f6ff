# the first
ARG global=g
# one builds things
FROM base/busybox:1 AS one
# what to say
ARG say=hello
ARG other
RUN --mount=type=secret,id=token --mount=type=ssh true
FROM one AS two
ARG more=$say
