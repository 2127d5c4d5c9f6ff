FROM base/busybox:1 AS made
RUN mkdir /out && echo made >/out/file
FROM base/busybox:1
RUN --mount=target=/ctx cat /ctx/dir/in >/one; touch /ctx/no 2>/two.err || echo read-only >/two
RUN --mount=type=bind,source=dir,target=/ctx,rw echo more >/ctx/in && cat /ctx/in >/three
RUN --mount=type=bind,from=made,source=/out/file,target=/mnt/file cat /mnt/file >/four
RUN --mount=from=made,src=out,dst=rel/ative cat /rel/ative/file >/five
RUN --mount=from=base/busybox:1,target=/other ls /other/etc | head -2 >/six
RUN --mount=target=/ctx cat /ctx/dir/in >/seven; ls -d /ctx /mnt /other >>/seven 2>/dev/null || true
