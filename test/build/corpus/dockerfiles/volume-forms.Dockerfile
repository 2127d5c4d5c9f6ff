FROM base/busybox:1
ENV dir=/from-env
RUN mkdir /data && echo kept >/data/before
VOLUME /data $dir
VOLUME ["/json one", "/json2"]
RUN echo after >/data/after; echo x >/outside
