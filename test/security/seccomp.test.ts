/**
 * The default seccomp profile, system call by system call and ABI by ABI, from inside a container, against what a real
 * Docker 28 decides: recorded in docker28-seccomp.json (`KOBAKO_RECORD=1 bin/node --test test/security/seccomp.test.ts`
 * writes it), and live where a real one is at hand.
 */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { kobako } from '../support/kobako.ts';
import { projectDir } from '../support/paths.ts';
import { noPeers, peers } from '../support/peers.ts';
import { busyboxRootfs, copyRootfs } from '../support/rootfs.ts';
import { run, runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const FIXTURE = `${projectDir}/test/security/docker28-seccomp.json`;
const CASES: Readonly<Record<string, readonly string[]>> = {
  default: [],
  'cap-add SYS_ADMIN': ['--cap-add', 'SYS_ADMIN'],
  'cap-add SYS_PTRACE': ['--cap-add', 'SYS_PTRACE'],
  'cap-add SYS_TIME,SYS_MODULE,BPF,PERFMON': ['--cap-add', 'SYS_TIME', '--cap-add', 'SYS_MODULE', '--cap-add', 'BPF', '--cap-add', 'PERFMON'],
  'cap-drop ALL': ['--cap-drop', 'ALL'],
  'no-new-privileges': ['--security-opt', 'no-new-privileges'],
  unconfined: ['--security-opt', 'seccomp=unconfined'],
};

interface Fixture {
  readonly docker: string;
  readonly kernel: string;
  readonly arch: string;
  readonly verdicts: Readonly<Record<string, string>>;
}

let root: string;
let cleanup: () => unknown = () => {};
before(async () => {
  const folder = tempFor({ after: (hook) => (cleanup = hook) });
  root = `${folder}/root`;
  await copyRootfs(await busyboxRootfs(), root);
  await runOk('cc', ['-O1', '-static', '-o', `${root}/probe`, `${projectDir}/test/security/seccomp-probe.c`]);
  chmodSync(`${root}/probe`, 0o755);
});
after(() => cleanup());

async function ours(flags: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await kobako(['run', '--rm', '--rootfs', `${root}:O`, ...flags, '/probe', 'verdict']);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Names each system call on which two lists of verdicts differ. */
function compare(name: string, mine: string, theirs: string): void {
  const [a, b] = [mine, theirs].map((text) => text.trim().split('\n'));
  assert.ok(b!.length > 500, `${name}: only ${b!.length} verdicts to compare with`);
  const differences = a!.filter((line, index) => line !== b![index]).map((line) => `${line}, Docker: ${b![a!.indexOf(line)]}`);
  assert.deepEqual(differences, [], name);
  assert.equal(a!.length, b!.length, name);
}

describe('the default profile decides as Docker 28 does', () => {
  const fixture = existsSync(FIXTURE) ? (JSON.parse(readFileSync(FIXTURE, 'utf8')) as Fixture) : undefined;
  for (const [name, flags] of Object.entries(CASES)) {
    const elsewhere = fixture !== undefined && fixture.arch !== process.arch ? `recorded on ${fixture.arch}` : false;
    test(`as recorded: ${name}`, { skip: elsewhere }, async () => {
      assert.ok(fixture !== undefined, 'the fixture is missing');
      compare(name, await ours(flags), fixture.verdicts[name]!);
    });
  }

  test('live', { skip: noPeers() ?? false, timeout: 240_000 }, async (t) => {
    const folder = tempFor(t);
    await peers(['clients', folder]);
    await peers(['down']);
    const host = await peers(['docker']);
    t.after(() => peers(['down']));
    const env = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: folder };
    copyFileSync(`${root}/probe`, `${folder}/probe`);
    await runOk('sh', ['-c', `tar -C ${root} -c . | ${folder}/docker import - kobako-test-seccomp`], { env });
    const verdicts: Record<string, string> = {};
    for (const [name, flags] of Object.entries(CASES)) {
      verdicts[name] = (
        await runOk(`${folder}/docker`, ['run', '--rm', '--runtime', 'runc', ...flags, 'kobako-test-seccomp', '/probe', 'verdict'], { env })
      ).stdout;
    }
    const { stdout: version } = await runOk(`${folder}/docker`, ['version', '-f', '{{.Server.Version}}'], { env });
    await run(`${folder}/docker`, ['image', 'rm', '-f', 'kobako-test-seccomp'], { env });
    if (process.env['KOBAKO_RECORD'] === '1') {
      const recorded: Fixture = { docker: version.trim(), kernel: release(), arch: process.arch, verdicts };
      writeFileSync(FIXTURE, `${JSON.stringify(recorded, null, 1)}\n`);
    }
    for (const [name, flags] of Object.entries(CASES)) compare(name, await ours(flags), verdicts[name]!);
  });
});
