/** What a container has, and is refused, as docker's users know it. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { daemonForAll } from '../support/daemon.ts';
import { runOk } from '../support/run.ts';

const daemon = await daemonForAll();

/** What a script says in a container of its own. */
async function said(script: string, hostConfig: object = {}, body: object = {}): Promise<string> {
  const id = await daemon.create({ Cmd: ['sh', '-c', script], Tty: true, HostConfig: { NetworkMode: 'none', ...hostConfig }, ...body });
  const started = await daemon.api.post(`/v1.51/containers/${id}/start`);
  assert.equal(started.status, 204, started.text);
  await daemon.api.post(`/v1.51/containers/${id}/wait`);
  return (await daemon.api.get(`/v1.51/containers/${id}/logs?stdout=1`)).text.replaceAll('\r\n', '\n').trim();
}

async function refusal(hostConfig: object): Promise<string> {
  const id = await daemon.create({ Cmd: ['true'], HostConfig: { NetworkMode: 'none', ...hostConfig } });
  const started = await daemon.api.post(`/v1.51/containers/${id}/start`);
  assert.notEqual(started.status, 204);
  return (started.json as { message: string }).message;
}

function devFolder(t: TestContext): string {
  const folder = mkdtempSync('/dev/shm/kobako-devices-');
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('--device of a folder: the devices in it, at the same places', async (t) => {
  const folder = devFolder(t);
  mkdirSync(`${folder}/by-path`);
  mkdirSync(`${folder}/empty`);
  await runOk('mknod', [`${folder}/null`, 'c', '1', '3']);
  await runOk('mknod', [`${folder}/by-path/zero`, 'c', '1', '5']);
  writeFileSync(`${folder}/file`, '');
  symlinkSync('null', `${folder}/link`);
  const device = (PathOnHost: string, PathInContainer: string) => ({ Devices: [{ PathOnHost, PathInContainer, CgroupPermissions: 'rwm' }] });
  const script = 'cd /dev/snd; find . | sort; echo lost > null; head -c 3 by-path/zero | wc -c';
  assert.equal(await said(script, device(folder, '/dev/snd')), ['.', './by-path', './by-path/zero', './null', '3'].join('\n'));
  const words = (path: string, why: string) => `error gathering device information while adding custom device "${path}": ${why}`;
  for (const path of [`${folder}/empty`, `${folder}/file`, '/etc']) assert.equal(await refusal(device(path, '/dev/x')), words(path, 'not a device node'));
  assert.equal(await refusal(device(`${folder}/no`, '/dev/x')), words(`${folder}/no`, 'no such file or directory'));
});

test('/.dockerenv and /etc/mtab are there, and no change of the container’s', async () => {
  assert.equal(await said('ls -l /.dockerenv | cut -c1-10; cat /.dockerenv; readlink /etc/mtab', { ReadonlyRootfs: true }), '-rwxr-xr-x\n/proc/mounts');
  assert.match(
    await said('ls -1 /etc; ls -a / | grep dockerenv', { Mounts: [{ Type: 'tmpfs', Target: '/etc' }] }),
    /^hostname\nhosts\nresolv\.conf\n\.dockerenv$/,
  );
  const id = await daemon.create({ Cmd: ['true'], HostConfig: { NetworkMode: 'none' } });
  await daemon.api.post(`/v1.51/containers/${id}/start`);
  await daemon.api.post(`/v1.51/containers/${id}/wait`);
  const of = async (path: string) => (await daemon.api.get(`/v1.51/${path}`)).json;
  assert.equal(await of(`containers/${id}/changes`), null);
  const layers = async (name: string) => ((await of(`images/${name}/json`)) as { RootFS: { Layers: string[] } }).RootFS.Layers.length;
  await daemon.api.post(`/v1.51/commit?container=${id}&repo=unchanged`, {});
  assert.equal(await layers('unchanged'), await layers('busybox'));
  const listed = (await of(`containers/json?all=1&size=1&filters={"id":["${id}"]}`)) as { SizeRw?: number }[];
  assert.equal(listed[0]!.SizeRw, undefined);
});

test('a prune of the build cache is an event, and volumes have a driver', async () => {
  assert.equal((await daemon.api.post('/v1.51/build/prune')).status, 200);
  const events = (await daemon.api.get(`/v1.51/events?since=0&until=${Math.ceil(Date.now() / 1000)}&filters={"type":["builder"]}`)).text;
  assert.match(events, /"Type":"builder","Action":"prune","Actor":\{"ID":"","Attributes":\{"reclaimed":"0"\}\}/);
  const { Plugins } = (await daemon.api.get('/v1.51/info')).json as { Plugins: { Volume: string[] } };
  assert.deepEqual(Plugins.Volume, ['local']);
});

test('control groups that may be written to', async () => {
  const modes = "grep -E ' /sys(/fs/cgroup[^ ]*)? ' /proc/mounts | cut -d' ' -f2,4 | cut -d, -f1";
  const cgroups = (text: string) => text.split('\n').filter((line) => line.startsWith('/sys/fs/cgroup'));
  const writable = await said(modes, { SecurityOpt: ['writable-cgroups=true'] });
  assert.ok(cgroups(writable).length > 0 && cgroups(writable).every((line) => line.endsWith(' rw')), writable);
  assert.match(writable, /^\/sys ro$/m);
  const not = await said(modes, { SecurityOpt: ['writable-cgroups=false'] });
  assert.ok(
    cgroups(not).every((line) => line.endsWith(' ro')),
    not,
  );
});

test('lists by port: the host’s is published, the container’s exposed, while it runs', async () => {
  const body = { Cmd: ['sleep', '1000'], ExposedPorts: { '80/tcp': {}, '53/udp': {} } };
  const id = await daemon.run({ ...body, HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } } });
  const { NetworkSettings } = (await daemon.api.get(`/v1.51/containers/${id}/json`)).json as {
    NetworkSettings: { Ports: Record<string, { HostPort: string }[]> };
  };
  const port = NetworkSettings.Ports['80/tcp']![0]!.HostPort;
  const found = async (filters: object) =>
    ((await daemon.api.get(`/v1.51/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify(filters))}`)).json as { Id: string }[]).map(
      ({ Id }) => Id,
    );
  assert.deepEqual(await found({ publish: [port] }), [id]);
  assert.deepEqual(await found({ expose: ['80', '53/udp'] }), [id]);
  assert.deepEqual([await found({ publish: ['80'] }), await found({ publish: [`${port}/udp`] }), await found({ expose: [port] })], [[], [], []]);
  await daemon.api.post(`/v1.51/containers/${id}/kill`);
  await daemon.api.post(`/v1.51/containers/${id}/wait`);
  assert.deepEqual([await found({ publish: [port] }), await found({ expose: ['80'] })], [[], []]);
});

test('disk usage in the words of old versions', async () => {
  const images = async (version: string) =>
    ((await daemon.api.get(`/v${version}/system/df`, { checked: false })).json as { Images: { Size: number; VirtualSize?: number }[] }).Images;
  const [old, now] = [(await images('1.43'))[0]!, (await images('1.44'))[0]!];
  assert.deepEqual([old.VirtualSize, now.VirtualSize], [old.Size, undefined]);
});
