FROM base/gcc:1 AS build
WORKDIR /src
COPY Makefile *.c *.h ./
RUN make -j2 CC=gcc CFLAGS='-O2 -Wall -static' && ./greet world >/greeting && make count
FROM scratch
COPY --from=build /src/greet /bin/greet
COPY --from=build /greeting /src/count /
USER 1000
ENTRYPOINT ["/bin/greet"]
CMD ["reader"]
