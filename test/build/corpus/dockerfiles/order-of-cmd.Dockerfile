FROM base/busybox:1
CMD ["one"]
ENTRYPOINT ["two"]
CMD ["three"]
