FROM base/busybox:1
WORKDIR /w
COPY a b
COPY a c/
COPY a /etc/os-release
COPY dir d
COPY dir/ e/
COPY dir/sub /f
COPY a dir/in /g/
COPY ["a", "/h"]
COPY a ../up
COPY . /all
