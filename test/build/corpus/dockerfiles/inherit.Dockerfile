FROM base/rich:1
ENV FROM_BASE=2 MORE=$FROM_BASE
LABEL both=child child=yes
EXPOSE 81/udp
VOLUME /child-volume
ENTRYPOINT ["/bin/echo"]
CMD []
