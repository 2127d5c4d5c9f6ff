FROM base/busybox:1
ADD plain.tar /1
ADD packed.tar.gz /2/
ADD packed.tar.bz2 /3/
ADD packed.tar.xz /4/
ADD packed.tar.zst /5/
ADD not.tar.gz /6/
ADD text.gz /7/
ADD --chown=guest:audio plain.tar /8
COPY plain.tar /9/
