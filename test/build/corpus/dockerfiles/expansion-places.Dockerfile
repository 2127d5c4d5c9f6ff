FROM base/busybox:1
ENV d=/dir f=file
ADD $f $d/
COPY ${f} ${d}/copied
WORKDIR ${d}
EXPOSE ${port:-80}
USER ${user:-guest}
VOLUME ${d}/v
STOPSIGNAL ${sig:-SIGHUP}
LABEL ${f}=x y=$f
RUN echo $d >/tmp/run
CMD ["$d"]
ENTRYPOINT ["/bin/echo", "${f}"]
ONBUILD ENV k=$d
