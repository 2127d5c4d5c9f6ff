FROM base/busybox:1
RUN echo "$HTTP_PROXY|$https_proxy|$NO_PROXY" >/proxy
ARG HTTP_PROXY
RUN echo "$HTTP_PROXY" >>/proxy
