FROM base/busybox:1
COPY --exclude=*.txt . /1/
COPY --exclude=dir/sub --exclude=**/in . /2/
COPY --exclude=sub dir /3/
COPY --exclude=*.txt --exclude=!one.txt . /4/
ADD --exclude=dir . /5/
