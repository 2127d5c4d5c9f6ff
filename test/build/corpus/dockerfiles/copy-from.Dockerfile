FROM base/busybox:1 AS one
RUN echo one >/f && mkdir /d && echo in >/d/in && chown guest:audio /d/in /d && chmod 2750 /d && ln /f /d/hard && ln -s in /d/soft
FROM base/busybox:1
COPY --from=one /f /1
COPY --from=0 f /2
COPY --from=one /d /3
COPY --from=one --chown=0:0 /d/ /4/
COPY --from=base/rich:1 /etc/os-release /5
COPY --from=extra a /6
COPY --from=one /d/s* /d/h* /7/
