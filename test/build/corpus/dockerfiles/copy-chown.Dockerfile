FROM base/busybox:1
COPY --chown=guest a /1
COPY --chown=guest:audio a /2
COPY --chown=7:8 dir /3
COPY --chown=77 dir /new/parents/4
ARG who=daemon
COPY --chown=$who a /5
USER guest
COPY a /6
COPY --chown=:audio a /7
