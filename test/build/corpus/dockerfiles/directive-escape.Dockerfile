# escape=`
FROM base/busybox:1
ENV win=c:\dir\ other=`"x`"
RUN echo one `
  two >/out && `
  echo a\\b >>/out
COPY a c:\x
