# Read by kobako and kobako-runc, without a fork on the way: starts dist/$bundle where it is not older than the sources,
# else $source, with the Node.js that this project brings (24, through the lock file) or the one on PATH.
# After --, else node would take an --env-file of ours for one of its own.
here=${self%/*}
main=$here/../dist/$bundle
[ -f "$main" ] && { [ ! -d "$here/../src" ] || [ -z "$(find "$here/../src" -newer "$main" -name '*.ts' -print -quit)" ]; } || main=$here/../src/cli/$source
for arch in x64 arm64; do
  node=$here/../node_modules/node-linux-$arch/bin/node
  [ -x "$node" ] && exec "$node" -- "$main" "$@"
done
exec node -- "$main" "$@"
