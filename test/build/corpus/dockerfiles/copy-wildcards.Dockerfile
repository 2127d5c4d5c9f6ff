FROM base/busybox:1
COPY *.txt /txt/
COPY ??.md /md/
COPY [ab]*.txt d*/i? /mixed/
COPY dir/* /star/
COPY nothing-or-o*.txt one.tx[t] /some/
COPY with\[bracket].t* /esc/
