FROM base/busybox:1
RUN echo hello >/hello
COPY a /b/
CMD ["cat", "/hello"]
