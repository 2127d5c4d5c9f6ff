FROM base/busybox:1
RUN rm /usr/bin/yes && rm -r /home && mkdir /home && echo new >/home/file
RUN ln /etc/os-release /etc/os-release2 && ln -s ../etc/passwd /link && ln -s /nowhere /dangling
RUN chmod 4755 /bin/busybox && chown guest:audio /etc/group && chmod 1777 /var
RUN mkfifo /fifo && mknod /char c 1 3 && mknod /block b 7 200 && mkdir -p /deep/er/est
RUN rm -rf /usr/sbin && echo file >/usr/sbin
RUN echo 'odd' >'/a name with  blanks' && echo 'utf' >'/ünï' && touch /zero && chmod 0 /zero
RUN rm /zero && touch /tmp/left /run/left
