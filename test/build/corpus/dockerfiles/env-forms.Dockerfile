FROM base/busybox:1
ENV ONE=1 TWO="two words" THREE=three\ words FOUR='single $ONE' FIVE="a\"b"
ENV OLD the  rest of   the line
ENV SAME=new SAME2=$SAME
ENV SAME=newer SAME3=${SAME}
ENV EMPTY= LAST=x
ENV PATH=/opt/bin:$PATH
RUN env | grep -v -e HOSTNAME -e PWD | sort >/env
