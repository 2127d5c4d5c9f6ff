FROM base/busybox:1
RUN echo "before $x" >/out
ARG x=1
RUN echo "after $x" >>/out
ARG x=2
RUN echo "again $x" >>/out
ARG y
ENV y=${y:-unset}
