FROM base/busybox:1
CMD ['single', 'quotes']
ENTRYPOINT [ "unclosed"
