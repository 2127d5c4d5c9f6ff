FROM base/busybox:1
ARG v=value
RUN <<EOF
echo "one $v" >/one
cat /one \
  /one >/two
EOF
RUN <<-EOF
	echo tabs >/three
		echo more >>/three
	EOF
RUN <<'EOF' cat >/four
$v stays \n
EOF
RUN cat <<A >/five && cat <<B >/six
a
A
b $v
B
