/** What an OCI runtime says: its documents against the specification's schemas, its logs as dockerd parses them. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { schemaErrors } from '../support/json-schema.ts';
import { Oci, ociPrograms, type Document } from '../support/oci.ts';
import { projectDir } from '../support/paths.ts';

const SCHEMAS = `${projectDir}/../shared/specs/oci/runtime-spec`;
const noSchemas = existsSync(SCHEMAS) ? undefined : 'the specification’s schemas are not at hand here (../shared/specs)';
const fits = (value: unknown, name: string) => assert.deepEqual(schemaErrors(value, `${SCHEMAS}/${name}`), []);

for (const program of await ociPrograms()) {
  describe(program.name, { skip: program.skip ?? false }, () => {
    test('state fits the schema in every status', async (t) => {
      if (noSchemas !== undefined) return t.skip(noSchemas);
      const oci = await Oci.for(t, program, (config) => (config.annotations = { key: 'value' }));
      const id = oci.id();
      await oci.ok('create', id);
      fits(await oci.state(id), 'state-schema.json');
      await oci.ok('start', id);
      fits(await oci.state(id), 'state-schema.json');
      await oci.ok('kill', id, 'KILL');
      await oci.until(id, 'stopped');
      const stopped = await oci.state(id);
      fits(stopped, 'state-schema.json');
      assert.match(stopped.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
      assert.notDeepEqual(schemaErrors({ ...stopped, status: 'paused?', pid: 'x' }, `${SCHEMAS}/state-schema.json`), [], 'the schema bites');
    });

    test('spec: a shell as runc writes it, and it runs', async (t) => {
      const oci = await Oci.for(t, program);
      rmSync(`${oci.bundle}/config.json`);
      await oci.ok('spec');
      const config = JSON.parse(readFileSync(`${oci.bundle}/config.json`, 'utf8')) as Document;
      if (noSchemas === undefined) fits(config, 'config-schema.json');
      assert.deepEqual(config.process.args, ['sh']);
      assert.deepEqual([config.process.terminal, config.process.noNewPrivileges, config.root], [true, true, { path: 'rootfs', readonly: true }]);
      assert.deepEqual(config.process.capabilities.bounding, ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']);
      assert.deepEqual(config.mounts.map(({ destination }: Document) => destination).toSorted(), [
        '/dev',
        '/dev/mqueue',
        '/dev/pts',
        '/dev/shm',
        '/proc',
        '/sys',
        '/sys/fs/cgroup',
      ]);
      assert.deepEqual(
        config.linux.namespaces.map(({ type }: Document) => type).toSorted(),
        ['cgroup', 'ipc', 'mount', 'network', 'pid', 'uts'].slice(config.linux.namespaces.length === 5 ? 1 : 0),
      );
      const again = await oci.call(['spec']);
      assert.equal(again.code, 1);
      assert.match(again.stderr, /config\.json exists\. Remove it first/);
      Object.assign(config.process, { terminal: false, args: ['echo', 'it runs'], rlimits: [] });
      writeFileSync(`${oci.bundle}/config.json`, JSON.stringify(config));
      assert.equal((await oci.call(['run', oci.id()])).stdout, 'it runs\n');
      mkdirSync(`${oci.folder}/other`);
      await oci.ok('spec', '--rootless', '--bundle', `${oci.folder}/other`);
      const rootless = JSON.parse(readFileSync(`${oci.folder}/other/config.json`, 'utf8')) as Document;
      if (noSchemas === undefined) fits(rootless, 'config-schema.json');
      assert.deepEqual(rootless.linux.uidMappings, [{ containerID: 0, hostID: 0, size: 1 }]);
      assert.ok(rootless.linux.namespaces.some(({ type }: Document) => type === 'user'));
    });

    test('features fits the schema and names what runc names', async (t) => {
      const oci = await Oci.for(t, program);
      const features = JSON.parse(await oci.ok('features')) as Document;
      if (noSchemas === undefined) fits(features, 'features-schema.json');
      assert.deepEqual(features.hooks, ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop']);
      for (const option of ['bind', 'rbind', 'ro', 'rro', 'nosuid', 'rslave', 'nosymfollow', 'noatime'])
        assert.ok(features.mountOptions.includes(option), option);
      for (const type of ['cgroup', 'ipc', 'mount', 'network', 'pid', 'user', 'uts']) assert.ok(features.linux.namespaces.includes(type), type);
      for (const name of ['CAP_CHOWN', 'CAP_BPF', 'CAP_CHECKPOINT_RESTORE']) assert.ok(features.linux.capabilities.includes(name), name);
      assert.ok(features.linux.seccomp.enabled && features.linux.seccomp.actions.includes('SCMP_ACT_NOTIFY'));
    });

    test('--version has the lines that engines read', async (t) => {
      const oci = await Oci.for(t, program);
      assert.match(await oci.ok('--version'), /^runc version \S+.*\n(commit: .*\n)?spec: \d+\.\d+\.\d+/);
    });

    test('--log with --log-format: what dockerd reads, and a line for people', async (t) => {
      const oci = await Oci.for(t, program);
      const [json, text] = [`${oci.folder}/log.json`, `${oci.folder}/log.text`];
      const failed = await oci.call(['--log', json, '--log-format', 'json', 'state', 'nobody']);
      assert.deepEqual([failed.code, failed.stderr], [1, 'container does not exist\n']);
      await oci.call(['--log', json, '--log-format', 'json', 'exec', 'nobody', 'true']);
      const [first, second, ...more] = readFileSync(json, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Document);
      assert.deepEqual([first.level, first.msg], ['error', 'container does not exist']);
      assert.match(first.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d|Z)$/);
      assert.deepEqual([second.level, second.msg, more], ['error', 'exec failed: container does not exist', []]);
      await oci.call(['--log', text, 'state', 'nobody']);
      assert.match(readFileSync(text, 'utf8'), /^time="\S+" level=error msg="container does not exist"\n$/);
      const id = oci.id();
      await oci.ok('--debug', '--log', text, 'create', id);
      assert.match(readFileSync(text, 'utf8'), /level=debug msg=/);
      for (const flags of [
        ['--log-format', 'xml'],
        ['--log', '/no/such/folder/log'],
      ]) {
        const { code, stderr } = await oci.call([...flags, 'list']);
        assert.equal(code, 1, flags.join(' '));
        assert.match(stderr, /invalid log-format: xml|open \/no\/such\/folder\/log: no such file or directory/);
      }
    });

    test('wrong use of the command line', async (t) => {
      const oci = await Oci.for(t, program);
      for (const [args, text, code] of [
        [['nonsense'], "No help topic for 'nonsense'", 3],
        [['--nonsense'], 'flag provided but not defined: -nonsense', 1],
        [['create', '--nonsense', 'x'], 'flag provided but not defined: -nonsense', 1],
        [['create'], '"create" requires exactly 1 argument(s)', 1],
        [['create', 'a', 'b'], '"create" requires exactly 1 argument(s)', 1],
        [['exec'], '"exec" requires a minimum of 1 argument(s)', 1],
        [['ps'], '"ps" requires a minimum of 1 argument(s)', 1],
        [['state'], '"state" requires exactly 1 argument(s)', 1],
      ] as const) {
        const result = await oci.call(args);
        assert.ok(result.stderr.replaceAll('\\"', '"').includes(text), `${args.join(' ')}: ${result.stderr}`);
        assert.equal(result.code, code, args.join(' '));
      }
      if (!program.ours) return;
      for (const command of ['checkpoint', 'restore']) {
        const { code, stderr } = await oci.call([command, 'x']);
        assert.deepEqual([code, stderr.includes(`${command}: checkpoint and restore are not supported`)], [1, true]);
      }
    });
  });
}
