/** The six kinds of hooks: order, what they are told, where they run, what a failing one does. Real runc first, then ours. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { cgroupFolders, inTestCgroup, Oci, ociPrograms, type Document } from '../support/oci.ts';

const KINDS = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const;
type Kind = (typeof KINDS)[number];

/** Adds one line per run: kind, what it knows, and the state it was given. Runs on the host and in the container. */
const HOOK = `#!/bin/sh
state=$(cat | tr -d '\\n')
echo "$1|$0|$GREETING|$(readlink /proc/self/ns/mnt)|$(readlink /proc/self/ns/pid)|$(test -e /etc/os-release && grep -c ID=kobako /etc/os-release)|$state" >> "$LOG"
[ -z "$SLOW" ] || exec sleep 30
[ -z "$FAIL" ] || { echo oops >&2; exit "$FAIL"; }
`;

interface Line {
  readonly kind: string;
  readonly name: string;
  readonly greeting: string;
  readonly mount: string;
  readonly pid: string;
  readonly inRoot: boolean;
  readonly state: Document;
}

async function withHooks(oci: Oci, id: string, extra: Partial<Record<Kind, Document>> = {}): Promise<void> {
  const [onHost, inside] = [`${oci.folder}/hook`, '/hook'];
  for (const path of [onHost, `${oci.bundle}/rootfs/hook`]) {
    writeFileSync(path, HOOK);
    chmodSync(path, 0o755);
  }
  oci.configure((config) => {
    inTestCgroup(id)(config);
    config.annotations = { 'org.example.key': 'value' };
    config.hooks = Object.fromEntries(
      KINDS.map((kind) => {
        const log = kind === 'startContainer' ? '/log' : `${oci.folder}/log`;
        const { env = [], ...rest } = extra[kind] ?? {};
        const one = (number: number) => ({
          path: kind === 'startContainer' ? inside : onHost,
          args: ['named', `${kind}${number}`],
          env: ['PATH=/usr/bin:/bin', `LOG=${log}`, 'GREETING=hello', ...(number === 1 ? env : [])],
          ...(number === 1 ? rest : {}),
        });
        return [kind, [one(1), one(2)]];
      }),
    );
  });
}

function lines(oci: Oci): Line[] {
  const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : []);
  return [...read(`${oci.folder}/log`), ...read(`${oci.bundle}/rootfs/log`)].map((line) => {
    const [kind = '', name = '', greeting = '', mount = '', pid = '', inRoot = '', ...state] = line.split('|');
    return { kind, name, greeting, mount, pid, inRoot: inRoot === '1', state: JSON.parse(state.join('|')) as Document };
  });
}

const kinds = (oci: Oci) => lines(oci).map(({ kind }) => kind);

for (const program of await ociPrograms()) {
  describe(program.name, { skip: program.skip ?? false }, () => {
    test('order, state, environment and namespaces', async (t) => {
      const oci = await Oci.for(t, program);
      const id = oci.id();
      await withHooks(oci, id);
      await oci.ok('create', id);
      const first = ['prestart1', 'prestart2', 'createRuntime1', 'createRuntime2', 'createContainer1', 'createContainer2'];
      assert.deepEqual(kinds(oci).slice(0, 6), first);
      assert.ok(!existsSync(`${oci.bundle}/rootfs/log`), 'startContainer is for start');
      const { pid } = await oci.state(id);
      const mount = readlinkSync(`/proc/${pid}/ns/mnt`);
      await oci.ok('start', id);
      for (let tries = 0; tries < 200 && !kinds(oci).includes('startContainer2'); tries++) await new Promise((done) => setTimeout(done, 50));
      await oci.ok('kill', id, 'KILL');
      await oci.until(id, 'stopped');
      await oci.ok('delete', id);
      const all = lines(oci);
      assert.deepEqual(
        all.map(({ kind }) => kind),
        [...first, 'poststart1', 'poststart2', 'poststop1', 'poststop2', 'startContainer1', 'startContainer2'],
      );
      const hostPid = readlinkSync('/proc/self/ns/pid');
      for (const { kind, state, greeting, ...where } of all) {
        const inContainer = /Container/.test(kind);
        assert.equal(greeting, 'hello', kind);
        assert.equal(state.id, id, kind);
        assert.equal(state.bundle, oci.bundle, kind);
        assert.deepEqual(state.annotations, { 'org.example.key': 'value' }, kind);
        // the container's own has gone by then, and its number may be another's (runc is started in a new one here)
        if (!kind.startsWith('poststop')) assert.equal(where.mount === mount, inContainer, `${kind}: mount namespace`);
        assert.equal(where.pid !== hostPid, inContainer, `${kind}: pid namespace`);
        assert.equal(where.inRoot, kind.startsWith('startContainer'), `${kind}: whose root`);
        const status = { poststop: 'stopped', startContainer: 'created', poststart: 'running' }[kind.slice(0, -1)] ?? 'creating';
        // runc runs poststart within create
        if (program.ours || status !== 'running') assert.equal(state.status, status, kind);
        // as seen from where the hook runs
        assert.equal(state.pid ?? 0, kind.startsWith('poststop') ? 0 : inContainer ? 1 : pid, kind);
      }
    });

    for (const kind of ['prestart', 'createRuntime', 'createContainer'] as const) {
      test(`a failing ${kind} ends create: poststop runs, nothing is left`, async (t) => {
        const oci = await Oci.for(t, program);
        const id = oci.id();
        await withHooks(oci, id, { [kind]: { env: ['FAIL=3'] } });
        const { code, stderr } = await oci.call(['create', id]);
        assert.equal(code, 1);
        assert.match(stderr, new RegExp(`error running (${kind} )?hook #0.*exit status 3.*oops`));
        const before = KINDS.slice(0, KINDS.indexOf(kind)).flatMap((name) => [`${name}1`, `${name}2`]);
        assert.deepEqual(kinds(oci), [...before, `${kind}1`, 'poststop1', 'poststop2']);
        assert.equal((await oci.call(['state', id])).code, 1);
        assert.deepEqual(cgroupFolders(id), []);
      });
    }

    test('a failing startContainer: the program does not run', async (t) => {
      const oci = await Oci.for(t, program);
      const id = oci.id();
      await withHooks(oci, id, { startContainer: { env: ['FAIL=3'] } });
      await oci.ok('create', id);
      await oci.call(['start', id]);
      await oci.until(id, 'stopped');
      await oci.ok('delete', id);
      assert.deepEqual(kinds(oci).slice(-3), ['poststop1', 'poststop2', 'startContainer1']);
    });

    test('failing poststart and poststop are warnings, and the others run', async (t) => {
      if (!program.ours) return t.skip('runc ends the container, or fails the delete, where the specification wants a warning');
      const oci = await Oci.for(t, program);
      const id = oci.id();
      await withHooks(oci, id, { poststart: { env: ['FAIL=3'] }, poststop: { env: ['FAIL=4'] } });
      await oci.ok('create', id);
      const started = await oci.call(['start', id]);
      assert.equal(started.code, 0);
      assert.match(started.stderr, /level=warning msg="error running poststart hook #0: exit status 3, stdout: , stderr: oops/);
      assert.equal((await oci.state(id)).status, 'running');
      const deleted = await oci.call(['delete', '--force', id]);
      assert.equal(deleted.code, 0);
      assert.match(deleted.stderr, /level=warning msg="error running poststop hook #0: exit status 4/);
      assert.deepEqual(
        kinds(oci).filter((kind) => kind.startsWith('post')),
        ['poststart1', 'poststart2', 'poststop1', 'poststop2'],
      );
    });

    test('a hook that takes too long is ended, and fails', async (t) => {
      const oci = await Oci.for(t, program);
      for (const kind of ['createRuntime', 'createContainer'] as const) {
        const id = oci.id();
        rmSync(`${oci.folder}/log`, { force: true });
        await withHooks(oci, id, { [kind]: { env: ['SLOW=1'], timeout: 1 } });
        const begun = Date.now();
        const { code, stderr } = await oci.call(['create', id]);
        assert.ok(Date.now() - begun < 20_000);
        assert.equal(code, 1);
        assert.match(stderr, /ran past specified timeout|timed out/);
        assert.equal(kinds(oci).at(-1), 'poststop2');
      }
    });

    test('a hook that is not there, or is not absolute, is named', async (t) => {
      const oci = await Oci.for(t, program);
      for (const kind of ['createRuntime', 'createContainer'] as const) {
        const id = oci.id();
        oci.configure((config) => (config.hooks = { [kind]: [{ path: '/no/such/hook' }] }));
        const { code, stderr } = await oci.call(['create', id]);
        assert.equal(code, 1);
        assert.match(stderr, /\/no\/such\/hook/);
        assert.equal((await oci.call(['state', id])).code, 1);
      }
    });
  });
}
