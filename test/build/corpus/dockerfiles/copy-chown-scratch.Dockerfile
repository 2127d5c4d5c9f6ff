FROM scratch
COPY --chown=1:2 a /1
COPY --chown=name a /2
