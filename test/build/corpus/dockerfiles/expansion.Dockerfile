FROM base/busybox:1
ENV v=some.long.name.txt empty=
ENV a1=${unset:-default} a2=${empty:-default} a3=${empty-default} a4=${unset-default}
ENV b1=${v:+yes} b2=${unset:+yes} b3=${empty+yes} b4=${empty:+yes}
ENV c1=${v#*.} c2=${v##*.} c3=${v%.*} c4=${v%%.*} c5=${v#some}
ENV d1=${v/n/N} d2=${v//n/N} d3=${v/l?ng/short} d4=${v//[aeiou]/_} d5=${v/./-}
ENV e1=${unset:-${v}} e2=${unset:-a${empty:-b}c} e3="${v}x" e4='${v}x' e5=\${v} e6=$v.x e7=${v}x
ENV f1=${v:?must} f2=$vv
