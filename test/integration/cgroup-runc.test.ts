/** The same bundle under Debian's runc and under kobako-runc: every limit file must read the same. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { detectCgroups } from '../../src/cgroup/detect.ts';
import type { Resources, Spec } from '../../src/runtime/spec.ts';
import { debs } from '../support/debs.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const { kind, hierarchies } = detectCgroups(readFileSync('/proc/self/mountinfo', 'utf8'), (at) => readFileSync(`${at}/cgroup.controllers`, 'utf8'))!;
const MB = 1 << 20;

/** Files that hold limits; the rest counts. */
const LIMITS =
  /^(cpu\.(shares|cfs_\w+|rt_\w+|idle|max|max\.burst)|cpuset\.(cpus|mems)|memory\.(limit_in_bytes|memsw\.limit_in_bytes|soft_limit_in_bytes|swappiness|max|swap\.max|low|high)|memory\.oom_control|pids\.max|devices\.list|blkio\.(bfq\.weight|throttle\.\w+_device)|io\.(max|weight)|hugetlb\.\w+(\.rsvd)?\.(max|limit_in_bytes))$/;

const TABLE: readonly [string, Resources, (readonly string[])[]][] = [
  ['nothing asked for', {}, []],
  [
    'memory, then more, then less, then none',
    { memory: { limit: 64 * MB, swap: 96 * MB, reservation: 32 * MB } },
    [
      ['--memory', `${128 * MB}`, '--memory-swap', `${256 * MB}`],
      ['--memory', `${32 * MB}`, '--memory-swap', `${64 * MB}`],
      ['--memory', '-1'],
    ],
  ],
  [
    'cpu, pids, cpuset',
    { cpu: { quota: 50_000, period: 100_000, cpus: '0', mems: '0' }, pids: { limit: 20 } },
    [
      ['--cpu-quota', '20000', '--cpu-period', '50000'],
      ['--pids-limit', '-1'],
    ],
  ],
  [
    'devices',
    {
      devices: [
        { allow: false, access: 'rwm' },
        { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' },
        { allow: true, type: 'b', major: 7, access: 'r' },
        { allow: true, type: 'c', major: 10, minor: 229, access: 'm' },
      ],
    },
    [],
  ],
];

function limits(path: string): Record<string, string> {
  const out: Record<string, string> = {};
  for (const { mountPoint, version } of hierarchies) {
    // runc leaves a hybrid machine's v2 tree alone
    if (kind === 'hybrid' && version === 2) continue;
    const folder = `${mountPoint}${path}`;
    for (const name of existsSync(folder) ? readdirSync(folder) : []) if (LIMITS.test(name)) out[name] = readFileSync(`${folder}/${name}`, 'utf8');
  }
  // tun/tap, which runc had among the default devices until 1.2
  out['devices.list'] = (out['devices.list'] ?? '')
    .split('\n')
    .filter((rule) => rule !== 'c 10:200 rwm')
    .toSorted()
    .join('\n');
  return out;
}

for (const [name, resources, updates] of TABLE) {
  test(`as under runc: ${name}`, async (t) => {
    const tree = await debs(['runc'], { dependencies: true });
    const theirs = [`${tree}/usr/sbin/runc`, `${tree}/usr/bin/runc`].find((path) => existsSync(path))!;
    const ends: (() => Promise<unknown>)[] = [];
    // before the folder goes, which holds what the engines know
    t.after(async () => {
      for (const end of ends.toReversed()) await end();
    });
    const folder = tempFor(t);
    const base = `/kobako-test-${process.pid}`;
    const engines = { runc: theirs, kobako: `${projectDir}/bin/kobako-runc` };
    await run(engines.kobako, ['spec', '-b', folder]);
    const spec = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8')) as Spec;
    ends.push(() =>
      run(
        'rmdir',
        hierarchies.map(({ mountPoint }) => `${mountPoint}${base}`),
      ),
    );
    const seen: Record<string, Record<string, string>[]> = {};
    for (const [engine, program] of Object.entries(engines)) {
      const id = `kobako-test-${engine}-${process.pid}`;
      const command = (...args: string[]) => [`--root`, `${folder}/${engine}`, ...args];
      const process_ = { ...spec.process!, terminal: false, args: ['sleep', '60'] };
      const linux = { ...spec.linux!, resources, cgroupsPath: `${base}/${engine}` };
      writeFileSync(`${folder}/config.json`, JSON.stringify({ ...spec, process: process_, root: { path: await busyboxRootfs(), readonly: true }, linux }));
      ends.push(() => run(program, command('delete', '-f', id)));
      const started = await run('sh', ['-c', `exec "$0" "$@" </dev/null >/dev/null 2>${folder}/err`, program, ...command('run', '-d', '-b', folder, id)]);
      assert.equal(started.code, 0, `${engine}: ${readFileSync(`${folder}/err`, 'utf8')}`);
      seen[engine] = [limits(linux.cgroupsPath)];
      for (const flags of updates) {
        const updated = await run(program, command('update', ...flags, id));
        assert.equal(updated.code, 0, `${engine} update ${flags.join(' ')}: ${updated.stderr}`);
        seen[engine].push(limits(linux.cgroupsPath));
      }
    }
    assert.ok(Object.keys(seen['runc']![0]!).length > 10, JSON.stringify(seen['runc']));
    assert.deepEqual(seen['kobako'], seen['runc']);
  });
}
