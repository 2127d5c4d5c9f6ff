FROM base/busybox:1
CMD [ "echo" , "a \"quoted\" word", "\u00e9", "$HOME" ]
