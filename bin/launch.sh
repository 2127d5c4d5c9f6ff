# Read by kobako and kobako-runc, without a fork on the way: starts dist/$bundle where it is not older than the sources,
# else $source, with the Node.js that this project brings (24, through the lock file) or the one on PATH.
# After --, else node would take an --env-file of ours for one of its own.
here=${self%/*}
main=$here/../dist/$bundle
[ -f "$main" ] && { [ ! -d "$here/../src" ] || [ -z "$(find "$here/../src" -newer "$main" -name '*.ts' -print -quit)" ]; } || main=$here/../src/cli/$source
# A daemon is there for long: its young heap must not stay as large as its busiest moment wanted it. So small a heap is
# collected by one thread: with several the main one waits for those that do not get to run while layers are unpacked.
# And what its threads have given back must not stay in a heap for each of them: two heaps, large pieces by themselves.
case $1 in
  daemon)
    heap='--max-semi-space-size=4 --no-parallel-scavenge'
    export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX-2}" MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_-4194304}" MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_-16777216}"
    ;;
  *) heap= ;;
esac
for arch in x64 arm64; do
  node=$here/../node_modules/node-linux-$arch/bin/node
  [ -x "$node" ] && exec "$node" $heap -- "$main" "$@"
done
exec node $heap -- "$main" "$@"
