FROM base/busybox:1
CMD echo "one"   two
CMD echo $HOME   && echo last
