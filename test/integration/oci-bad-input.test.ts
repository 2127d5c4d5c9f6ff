/** Malformed and hostile bundles and ids: one clear line, exit code 1, nothing left. Some cases on real runc too. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { cgroupFolders, cgroupTops, inTestCgroup, Oci, ociPrograms, type Document } from '../support/oci.ts';

const programs = await ociPrograms();

for (const program of programs) {
  describe(program.name, { skip: program.skip ?? false, concurrency: 2 }, () => {
    test('ids that are none', async (t) => {
      const oci = await Oci.for(t, program);
      mkdirSync(`${oci.folder}/victim`);
      writeFileSync(`${oci.folder}/victim/file`, '');
      for (const id of ['..', '.', '../victim', 'a/b', '/abs', 'a b', 'a\nb', 'é', '%2e%2e', 'a'.repeat(2000)]) {
        for (const args of [
          ['create', id],
          ['state', id],
          ['kill', id],
          ['delete', '--force', id],
        ]) {
          const { code, stderr } = await oci.call(args);
          // deleting with force what cannot be there is no error to runc, or is
          if (args[0] !== 'delete') assert.equal(code, 1, `${args.join(' ').slice(0, 40)}: ${stderr}`);
          if (program.ours) assert.match(stderr.trim(), /^time=.*(invalid container ID format|container id is too long)[^\n]*$/);
        }
      }
      assert.match((await oci.call(['create', ''])).stderr, /container id cannot be empty/);
      assert.ok(existsSync(`${oci.folder}/victim/file`));
    });

    test('bundles that are none', async (t) => {
      const oci = await Oci.for(t, program);
      const refused = async (pattern: RegExp, args: string[] = []) => {
        for (const command of ['create', 'run']) {
          const id = oci.id();
          const { code, stderr } = await oci.call([command, ...args, id]);
          assert.equal(code, 1, stderr);
          assert.match(stderr, pattern);
          if (program.ours) assert.match(stderr.trim(), new RegExp(`^time=.*msg="runc ${command} failed: [^\\n]*$`));
          assert.equal((await oci.call(['state', id])).code, 1);
        }
      };
      await refused(/no such file or directory/, ['--bundle', '/no/such/bundle']);
      writeFileSync(`${oci.bundle}/config.json`, '{"ociVersion": ');
      await refused(/unexpected end of|EOF|JSON/i);
      writeFileSync(`${oci.bundle}/config.json`, '[]');
      await refused(/config\.json|cannot unmarshal/);
      oci.configure((config) => (config.root.path = 'nowhere'));
      await refused(/nowhere: no such file or directory/);
      oci.configure((config) => delete config.root);
      await refused(/root/i);
      oci.configure((config) => delete config.process);
      await refused(/process/i);
      oci.configure((config) => (config.process.args = []));
      await refused(/args/);
      oci.configure((config) => (config.process.args = ['nothing-like-this']));
      await refused(/exec: \\"nothing-like-this\\": executable file not found in \$PATH/);
      oci.configure((config) => (config.process.args = ['/etc/passwd']));
      await refused(/exec: \\"\/etc\/passwd\\": permission denied/);
      oci.configure((config) => (config.linux.namespaces = [{ type: 'pid' }, { type: 'pid' }, { type: 'mount' }]));
      await refused(/namespace|duplicated/);
      rmSync(`${oci.bundle}/config.json`);
      await refused(/JSON specification file config\.json not found/);
      assert.deepEqual(existsSync(oci.root) ? readdirSync(oci.root) : [], []);
    });
  });
}

describe('kobako-runc alone', () => {
  const program = programs.find(({ ours }) => ours)!;

  test('a field of a wrong type is named, wherever it is', async (t) => {
    if (process.env['KOBAKO_VM']) return t.skip('nothing of it depends on the kernel: not again in the virtual machine');
    const oci = await Oci.for(t, program, full);
    const whole = JSON.parse(readFileSync(`${oci.bundle}/config.json`, 'utf8')) as Document;
    const paths = leaves(whole);
    assert.ok(paths.length > 60, String(paths.length));
    const wrong = [7.5, 'text', true, [], {}, [[null]], -1, 2 ** 63, '\0', 'x'.repeat(5000)];
    // each field once, with one of the wrong values after another: the fields are checked by the same few functions
    for (const [index, path] of paths.entries()) {
      const value = wrong[index % wrong.length];
      const config = structuredClone(whole) as Document;
      put(config, path, value);
      const id = oci.id();
      inTestCgroup(id)(config);
      writeFileSync(`${oci.bundle}/config.json`, JSON.stringify(config));
      const { code, stderr } = await oci.call(['create', id]);
      const what = `${path.join('.')} = ${JSON.stringify(value)?.slice(0, 40)}: ${stderr}`;
      if (code === 0) {
        await oci.ok('delete', '--force', id); // it may make sense by chance, as `true` for a flag
        continue;
      }
      assert.equal(code, 1, what);
      const lines = stderr
        .trim()
        .split('\n')
        .filter((line) => !line.includes('level=warning'));
      assert.equal(lines.length, 1, what);
      assert.match(lines[0]!, /^time="[^"]+" level=error msg="runc create failed: /, what);
      assert.doesNotMatch(stderr, /\.ts:|\.cjs:|TypeError|RangeError|undefined|\[object/, what);
      assert.equal(existsSync(`${oci.root}/${id}`), false, what);
      assert.deepEqual(cgroupFolders(id), [], what);
    }
  });

  test('a cgroup path that would reach other people’s processes', async (t) => {
    const oci = await Oci.for(t, program);
    for (const path of ['/', '//', '/.', '..', '/../..', 'a/../../b', '/kobako-test/../..']) {
      oci.configure((config) => (config.linux.cgroupsPath = path));
      const { code, stderr } = await oci.call(['create', oci.id()]);
      assert.equal(code, 1);
      assert.ok(stderr.includes(`linux.cgroupsPath \\"${path}\\" must name a folder below the cgroup root`), stderr);
    }
  });

  test('--systemd-cgroup: a slice is a path, and it is said that systemd was not asked', async (t) => {
    const oci = await Oci.for(t, program);
    const id = oci.id();
    // the folders of slices stay, as they would without systemd
    const slices = ['/kobako.slice/kobako-test.slice', '/kobako.slice'];
    t.after(() => slices.forEach((slice) => cgroupTops().forEach((top) => existsSync(`${top}${slice}`) && rmdirSync(`${top}${slice}`))));
    oci.configure((config) => (config.linux.cgroupsPath = `kobako-test.slice:box:${id}`));
    const made = await oci.call(['--systemd-cgroup', 'create', id]);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stderr, /level=warning msg="systemd is not asked for a scope: the cgroup \/kobako\.slice\/kobako-test\.slice\/box-/);
    const inside = readFileSync(`/proc/${(await oci.state(id)).pid}/cgroup`, 'utf8');
    assert.match(inside, new RegExp(`/kobako\\.slice/kobako-test\\.slice/box-${id}\\.scope\\n`));
    await oci.ok('delete', '--force', id);
    for (const path of ['/plain/path', 'not-a-slice:a:b', 'x--y.slice:a:b']) {
      oci.configure((config) => (config.linux.cgroupsPath = path));
      const { code, stderr } = await oci.call(['--systemd-cgroup', 'create', oci.id()]);
      assert.deepEqual([code, /expected cgroupsPath to be of format|invalid slice name/.test(stderr)], [1, true], stderr);
    }
  });

  test('delete --force of an id that was never ours removes nothing of a folder that happens to be there', async (t) => {
    const oci = await Oci.for(t, program);
    mkdirSync(`${oci.root}/alice/deep`, { recursive: true });
    writeFileSync(`${oci.root}/alice/letter`, 'dear');
    const { code } = await oci.call(['delete', '--force', 'alice']);
    assert.equal(code, 1);
    assert.equal(readFileSync(`${oci.root}/alice/letter`, 'utf8'), 'dear');
    assert.equal(await oci.ok('list', '-q'), '');
  });

  test('a state that is no state', async (t) => {
    const oci = await Oci.for(t, program);
    for (const [id, text] of Object.entries({
      empty: '',
      cut: '{"id":"cut","pid":1',
      list: '[]',
      odd: '{"id":"odd","pid":"x"}',
      other: '{"id":"../other","config":"{}"}',
    })) {
      mkdirSync(`${oci.root}/${id}`, { recursive: true });
      writeFileSync(`${oci.root}/${id}/state.json`, text);
      const { code, stderr } = await oci.call(['state', id]);
      assert.equal(code, 1);
      assert.match(stderr, /container does not exist/);
      await oci.ok('delete', '--force', id);
      assert.equal(existsSync(`${oci.root}/${id}`), false);
    }
    assert.equal(await oci.ok('list', '-q'), '');
  });
});

/** A config.json that uses most fields. */
function full(config: Document): void {
  Object.assign(config, {
    domainname: 'example',
    annotations: { key: 'value' },
    hooks: { createRuntime: [{ path: '/bin/true', args: ['true'], env: ['A=1'], timeout: 5 }] },
  });
  Object.assign(config.process, {
    terminal: false,
    consoleSize: { height: 1, width: 1 },
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 10 }],
    noNewPrivileges: true,
    oomScoreAdj: 100,
    user: { uid: 1, gid: 1, umask: 18, additionalGids: [1], username: 'x' },
    scheduler: { policy: 'SCHED_OTHER', nice: 1 },
    ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 1 },
  });
  Object.assign(config.linux, {
    sysctl: { 'net.ipv4.ip_forward': '1' },
    devices: [{ type: 'c', path: '/dev/x', major: 1, minor: 3, fileMode: 438, uid: 0, gid: 0 }],
    rootfsPropagation: 'private',
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: ['/proc/sys'],
    seccomp: { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_X86_64'], syscalls: [{ names: ['swapon'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }] },
  });
  Object.assign(config.linux.resources, {
    memory: { limit: 1 << 26, swap: 1 << 27 },
    cpu: { shares: 100, quota: 100_000, period: 100_000, cpus: '0' },
    pids: { limit: 50 },
    unified: {},
  });
}

/** The places of all values that are no container of others. */
function leaves(value: unknown, at: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [at];
  const below = Object.entries(value).flatMap(([key, item]) => leaves(item, [...at, Array.isArray(value) ? Number(key) : key]));
  return at.length === 0 ? below : [at, ...below];
}

function put(document: Document, path: readonly (string | number)[], value: unknown): void {
  path.slice(0, -1).reduce((part: Document, key) => part[key], document)[path.at(-1)!] = value;
}
