FROM base/busybox:1 AS site
ARG TITLE="A static site"
WORKDIR /site
COPY site .
RUN sed -i "s/@TITLE@/$TITLE/" index.html && find . -type f | sort >/tmp/files && mv /tmp/files files.txt && for f in $(find . -name '*.css'); do gzip -nk9 $f && rm $f.gz; done
FROM base/nginx:1
COPY --link nginx.conf /etc/nginx/conf.d/default.conf
COPY --from=site --chown=nginx:nginx /site /usr/share/nginx/html
RUN nginx -t 2>&1 | grep -c successful >/checked
EXPOSE 8080
VOLUME /var/cache/nginx
STOPSIGNAL SIGQUIT
