FROM base/busybox:1
RUN ["echo", "no", "shell", "$HOME"]
RUN ["/bin/mkdir", "-m", "700", "/made"]
