FROM base/busybox:1
ARG v=value
COPY <<EOF /one
expanded $v ${v%ue} \$v
EOF
COPY <<"EOF" /two
not expanded $v
EOF
COPY <<-A <<B /dir/
	tabs gone
A
  spaces stay
B
COPY --chmod=750 --chown=guest:audio <<EOF /script.sh
#!/bin/sh
EOF
COPY a <<c /both/
and a heredoc
c
ADD <<EOF /added
added
EOF
