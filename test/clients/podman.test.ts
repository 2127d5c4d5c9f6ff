/** A real Podman 5 runs its containers with kobako-runc: one session, since each `peers run` is a machine of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { projectDir } from '../support/paths.ts';
import { noPeers, peers } from '../support/peers.ts';
import { busyboxRootfs } from '../support/rootfs.ts';

const SCRIPT = `
p="podman --runtime $PROJECT/bin/kobako-runc --cgroup-manager cgroupfs"
r="--network none --rootfs $ROOT:O"
say() { echo "$1=$2"; }
say hello "$($p run --rm $r echo hello)"
$p run --rm $r sh -c 'exit 7'; say code $?
say missing "$($p run --rm $r nothing-like-this 2>&1 | grep -o 'executable file not found in .PATH')"
say user "$($p run --rm --user 1000 --cap-drop all --read-only $r sh -c 'id -u; grep CapBnd /proc/self/status' | tr '\\n' ' ')"
say memory "$($p run --rm --memory 64m $r sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max' 2>/dev/null)"
say tty "$(script -qec "$p run --rm -t $r tty" /dev/null | tr -d '\\r')"
$p run -d --name one $r sh -c 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done' >/dev/null
until $p logs one | grep -q ready; do sleep 0.1; done
out=$($p exec one sh -c 'echo in; exit 4'); say exec "$out; $?"
$p pause one >/dev/null; say paused "$($p ps --format '{{.Status}}' | cut -d' ' -f1) $($p inspect -f '{{.State.Status}}' one)"
$p unpause one >/dev/null; say running "$($p inspect -f '{{.State.Status}}' one)"
$p stop -t 5 one >/dev/null; say stopped "$($p inspect -f '{{.State.ExitCode}}' one)"
$p rm -f one >/dev/null
say pids "$($p run --rm --pids-limit 44 $r sh -c 'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max' 2>/dev/null)"
$p run -d --name first --hostname shared $r sleep 1000 >/dev/null
say shared "$($p run --rm --network container:first --ipc container:first --uts container:first --pid container:first --rootfs $ROOT:O sh -c 'hostname; for n in net ipc uts pid; do readlink /proc/self/ns/$n; done' | tr '\\n' ' ')"
say own "$($p exec first sh -c 'hostname; for n in net ipc uts pid; do readlink /proc/self/ns/$n; done' | tr '\\n' ' ')"
say execuser "$($p exec --user 1000 -w /tmp -e A=b first sh -c 'id -u; pwd; echo $A' | tr '\\n' ' ')"
say top "$($p top first pid comm | tail -1 | tr -s ' ')"
$p kill first >/dev/null; $p wait first >/dev/null; say killed "$($p inspect -f '{{.State.ExitCode}}' first)"
$p start first >/dev/null; say restarted "$($p inspect -f '{{.State.Status}}' first)"
$p rm -f -t 0 first >/dev/null
say left "$($p ps -aq | wc -l)"
`;

test('Podman 5 over kobako-runc: run, exit codes, limits, terminal, exec, pause, stop', { skip: noPeers() ?? false }, async () => {
  const root = await busyboxRootfs();
  await peers(['podman']);
  const text = await peers(['run', 'env', `PROJECT=${projectDir}`, `ROOT=${root}`, 'PODMAN_IGNORE_CGROUPSV1_WARNING=1', 'sh', '-c', SCRIPT]).finally(() =>
    peers(['down']),
  );
  const said = Object.fromEntries([...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key, value!.trim()]));
  assert.equal(said['hello'], 'hello');
  assert.equal(said['code'], '7');
  assert.equal(said['missing'], 'executable file not found in $PATH');
  assert.match(said['user']!, /^1000 CapBnd:\s+0{16}$/);
  assert.equal(said['memory'], String(64 << 20));
  assert.equal(said['tty'], '/dev/pts/0');
  assert.equal(said['exec'], 'in; 4');
  assert.match(said['paused']!, /paused$/i);
  assert.equal(said['running'], 'running');
  assert.equal(said['stopped'], '3');
  assert.equal(said['pids'], '44');
  assert.match(said['own']!, /^shared net:/);
  assert.equal(said['shared'], said['own']);
  assert.equal(said['execuser'], '1000 /tmp b');
  assert.match(said['top']!, /^1 sleep$/);
  assert.equal(said['killed'], '137');
  assert.equal(said['restarted'], 'running');
  assert.equal(said['left'], '0');
});
