FROM base/busybox:1
RUN mkdir -p /1/dir && echo old >/1/dir/in && ln -s /etc /1/link && chmod 700 /1/dir
ADD plain.tar /1
