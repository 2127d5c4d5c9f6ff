FROM base/rich:1
ENTRYPOINT ["/bin/cat"]
