/**
 * What a program sees of its container, compared with what a real Docker 28 shows it: recorded in docker28-inside.json
 * (`KOBAKO_RECORD=1 bin/node --test test/integration/isolation-docker.test.ts` writes it, with real engines at hand).
 * The differences that there are stand in DIFFERENCES, each with its reason; anything else is a failure.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { before, describe, test } from 'node:test';
import { kobako } from '../support/kobako.ts';
import { projectDir } from '../support/paths.ts';
import { noPeers, peers } from '../support/peers.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run, runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const FIXTURE = `${projectDir}/test/integration/docker28-inside.json`;
const CASES: Readonly<Record<string, readonly string[]>> = {
  default: [],
  privileged: ['--privileged'],
  'a user': ['--user', 'guest', '--workdir', '/srv'],
  'a number as user': ['--user', '1234:5678', '--group-add', 'audio'],
  tty: ['-t'],
  'read-only': ['--read-only', '--tmpfs', '/run', '--tmpfs', '/home:size=1m,mode=700', '--shm-size', '1m'],
  'tmpfs over /etc': ['--tmpfs', '/etc:rw,exec', '--tmpfs', '/tmp', '--tmpfs', '/made/here'],
  capabilities: ['--cap-drop', 'ALL', '--cap-add', 'net_bind_service', '--cap-add', 'CAP_CHOWN'],
  'all but one': ['--cap-add', 'ALL', '--cap-drop', 'MKNOD'],
  'limits and more': ['--ulimit', 'nofile=100:200', '--oom-score-adj', '100', '--security-opt', 'no-new-privileges', '--sysctl', 'net.ipv4.ip_forward=1'],
  names: ['--hostname', 'box', '--domainname', 'example.org', '--add-host', 'other:10.1.2.3', '--dns', '9.9.9.9', '--dns-search', 'example.org'],
  'host namespaces': ['--pid', 'host', '--ipc', 'host', '--uts', 'host', '--network', 'host'],
  'open system paths': ['--security-opt', 'systempaths=unconfined'],
  environment: ['-e', 'A=b', '-e', 'HOME=/else', '-e', 'PATH=/else/bin:/bin'],
};

/** Lines of one kind each: `kind what`. No colon in it, no date, no number that differs from run to run. */
const PROBE = `
awk '{ print "mount", $2, $3, $4 }' /proc/mounts
grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups|Umask|Uid|Gid)' /proc/self/status | sed 's/^/status /'
sed 's/^/limit /' /proc/self/limits
for f in /dev/* /dev/pts/ptmx; do case $f in /dev/std*|/dev/fd|/dev/ptmx) echo "dev $f -> $(readlink $f)" ;; *) stat -c 'dev %n %F %a %u %g %t,%T' $f ;; esac; done
env | sort | sed 's/^/env /'
for f in net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range net/ipv4/ip_forward kernel/shmmax kernel/hostname kernel/domainname fs/mqueue/msg_max; do echo "sysctl $f $(cat /proc/sys/$f)"; done
echo "oom $(cat /proc/self/oom_score_adj)"; echo "umask $(umask)"; echo "pwd $(pwd)"; echo "id $(id -u):$(id -g):$(id -G)"; echo "hostname $(hostname)"
sed 's/^/hosts /' /etc/hosts; sed 's/^/resolv /' /etc/resolv.conf
for d in / /tmp /run /home /etc /proc /sys /dev /dev/shm /made/here; do stat -c 'folder %n %a %u %g' $d 2>/dev/null; done
echo "net $(ls /sys/class/net | tr '\\n' ' ')"; echo "lo $(cat /sys/class/net/lo/flags)"
for f in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts /proc/sysrq-trigger; do (: < $f) 2>/dev/null && [ -c $f ] && echo "masked $f"; done
for d in /sys/devices/system/cpu/cpu*/thermal_throttle /sys/firmware /proc/acpi /proc/scsi /sys/devices/virtual/powercap; do [ -d $d ] && echo "masked folder $d $(ls $d | wc -l)"; done
[ -t 0 ] && echo "tty $(tty)"
echo "signals $(grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -s '\\t\\n' '  ')"
echo "session $(awk '{ print ($6 == 1) }' /proc/self/stat)"
`;

interface Fixture {
  readonly docker: string;
  readonly kernel: string;
  readonly arch: string;
  readonly seen: Readonly<Record<string, readonly string[]>>;
}

/** What may differ: a line of either side that matches is not compared. */
const DIFFERENCES: readonly (readonly [RegExp, why: string])[] = [
  [/^resolv( #.*| )?$/, 'Docker comments on how it made the file'],
  [/^hosts ?$/, 'an empty line'],
  [/^hosts 127\.0\.1\.1\t/, "ours names the container itself where it has no network; Docker's without a network is not to be found"],
  [/^mount \/(proc\/(acpi|scsi|asound)|sys\/(firmware|devices\/\S+)) tmpfs /, 'the folder over a masked one: ours also is nosuid, nodev, noexec'],
  [
    /^mount \/proc\/(interrupts|keys|kcore|timer_list|latency_stats|sched_debug) /,
    "the null device over a masked file: ours is the host's, not one that lies in the container's /dev",
  ],
  [/^mount \/sys\/fs\/cgroup/, "ours also shows the v2 tree beside v1's, and is read-only above the hierarchies"],
  [/^mount \/dev\/shm tmpfs .*size=\d{7,}k/, "the host's /dev/shm: ours stays nosuid, nodev, noexec"],
  [/^(stty:|tty) /, 'without a terminal outside, ours has 80 by 24, Docker’s 0 by 0'],
  [/^net .*eth0/, 'the host is not the same one: the recorded Docker has a network namespace as its host'],
];
/** By case, where the host shows; its /dev/shm with what is mounted in it. */
const OF_HOST = /^(hosts |resolv |env HOSTNAME|hostname |sysctl (net|kernel\/hostname)|mount \/dev\/shm\/)/;

/** What is not about the engine: where the layers are, the id. */
function normal(text: string, name: string): string[] {
  const lines = text.trim().replaceAll('\r', '').split('\n');
  const id = lines.map((line) => /^hostname ([0-9a-f]{12})$/.exec(line)?.[1]).find(Boolean);
  return (
    lines
      .map((line) => (id === undefined ? line : line.replaceAll(id, 'ID')))
      .map((line) => line.replace(/^(mount \/ overlay r[ow]),.*$/, '$1').replace(/^(mount \/etc\/(hosts|hostname|resolv.conf)) \S+ (r[ow]).*$/, '$1 $3'))
      // the kernel tells a tmpfs's mode only where it was an option; the folder lines have it
      .map((line) => line.replace(/^(mount \/(run|etc) tmpfs .*),mode=755$/, '$1'))
      .filter((line) => !(name === 'host namespaces' && OF_HOST.test(line)))
      // Docker looks the home up after the mounts
      .filter((line) => !(name === 'tmpfs over /etc' && line.startsWith('env HOME')))
      // a new network namespace begins with the host's
      .filter((line) => !(name !== 'limits and more' && line.startsWith('sysctl net/ipv4/ip_forward')))
      .filter((line) => !DIFFERENCES.some(([pattern]) => pattern.test(line)))
      .toSorted()
  );
}

let root: string;
before(async () => {
  root = await busyboxRootfs();
});

/** The first network that is named is the one. */
const networkFor = (flags: readonly string[]) => (flags.includes('--network') ? [] : ['--network', 'none']);

async function ours(name: string, flags: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await kobako(['run', '--rm', ...networkFor(flags), '--rootfs', `${root}:O`, ...flags, 'sh', '-c', PROBE]);
  assert.equal(code, 0, stderr);
  return normal(stdout, name);
}

function compare(mine: readonly string[], theirs: readonly string[]): void {
  assert.ok(theirs.length > 60, `only ${theirs.length} lines to compare with`);
  const only = (a: readonly string[], b: readonly string[]) => a.filter((line) => !b.includes(line));
  assert.deepEqual({ ours: only(mine, theirs), docker: only(theirs, mine) }, { ours: [], docker: [] });
}

const major = (version: string) => version.split('.').slice(0, 2).join('.');

describe('a program sees of its container what Docker 28 shows', () => {
  const fixture = existsSync(FIXTURE) ? (JSON.parse(readFileSync(FIXTURE, 'utf8')) as Fixture) : undefined;
  const elsewhere =
    fixture !== undefined && (fixture.arch !== process.arch || major(fixture.kernel) !== major(release()))
      ? `recorded on ${fixture.arch}, Linux ${major(fixture.kernel)}: another kernel shows other files`
      : false;
  for (const [name, flags] of Object.entries(CASES)) {
    test(`as recorded: ${name}`, { skip: elsewhere }, async () => {
      assert.ok(fixture !== undefined, 'the fixture is missing');
      compare(await ours(name, flags), normal(fixture.seen[name]!.join('\n'), name));
    });
  }

  test('live', { skip: noPeers() ?? false, timeout: 300_000 }, async (t) => {
    const folder = tempFor(t);
    await peers(['clients', folder]);
    await peers(['down']);
    const host = await peers(['docker']);
    t.after(() => peers(['down']));
    const env = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: folder };
    const docker = `${folder}/docker`;
    await runOk('sh', ['-c', `tar -C ${root} -c . | ${docker} import - kobako-test-inside`], { env });
    const seen: Record<string, string[]> = {};
    for (const [name, flags] of Object.entries(CASES)) {
      const { stdout } = await runOk(docker, ['run', '--rm', '--runtime', 'runc', ...networkFor(flags), ...flags, 'kobako-test-inside', 'sh', '-c', PROBE], {
        env,
      });
      seen[name] = stdout.trim().replaceAll('\r', '').split('\n');
    }
    const { stdout: version } = await runOk(docker, ['version', '-f', '{{.Server.Version}}'], { env });
    await run(docker, ['image', 'rm', '-f', 'kobako-test-inside'], { env });
    if (process.env['KOBAKO_RECORD'] === '1') {
      const recorded: Fixture = { docker: version.trim(), kernel: release(), arch: process.arch, seen };
      writeFileSync(FIXTURE, `${JSON.stringify(recorded, null, 1)}\n`);
    }
    for (const [name, flags] of Object.entries(CASES)) compare(await ours(name, flags), normal(seen[name]!.join('\n'), name));
  });
});
