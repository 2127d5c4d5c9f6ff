FROM base/busybox:1
COPY --chmod=600 a /1
COPY --chmod=0751 dir /2
COPY --chmod=4755 a /3
ARG m=440
COPY --chmod=$m a /4
COPY --chmod=u=rwx,g=rx,o= a /5
COPY --chmod=a+x dir /6
COPY --chmod=go-r,u+X dir /7
