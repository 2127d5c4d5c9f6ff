FROM base/busybox:1
ADD --unpack=false plain.tar /1/
ADD --unpack=true plain.tar /2/
