FROM scratch
COPY a /a
ENV x=y
CMD ["/a"]
