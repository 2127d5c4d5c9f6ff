/** Layers beside a real dockerd 28: what it makes of a container's changes, and how it unpacks what we unpack. */
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Digest } from '../../src/base/digest.ts';
import { linuxRawFiles } from '../../src/kernel/linux/files.ts';
import type { SnapshotDriver } from '../../src/snapshot/contract.ts';
import { dir, file, layerTar, link, node, opaque, sha256, symlink, whiteout } from '../support/layers.ts';
import { noPeers, peers } from '../support/peers.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run } from '../support/run.ts';
import { openDriver } from '../support/snapshot-drivers.ts';
import { tempFor } from '../support/temp.ts';

const IMAGE = 'kobako-test-layers';
const LOADED = 'kobako-test-loaded';
/** Where the peers' dockerd keeps its data, seen from here. */
const SID = `${process.env['PEERS'] ?? '/var/tmp/peers'}/sid`;

/** Extended attributes of everything in a folder. */
function xattrs(folder: string): string[] {
  const files = linuxRawFiles();
  const out: string[] = [];
  const walk = (path: Buffer): void => {
    for (const name of files.listXattrs(path))
      out.push(`${path.toString('latin1').slice(folder.length)} ${name}=${files.getXattr(path, name)?.toString('hex')}`);
    if (lstatSync(path).isDirectory()) for (const name of readdirSync(path, 'buffer')) walk(Buffer.concat([path, Buffer.from('/'), name]));
  };
  walk(Buffer.from(folder));
  return out.toSorted();
}

describe('layers beside dockerd 28', { skip: noPeers() ?? false }, () => {
  let folder: string;
  let host: string;
  let driver: SnapshotDriver;
  const cleanups: (() => unknown)[] = [];
  const docker = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(`${folder}/docker`, args, { env: { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: folder } });
    assert.equal(code, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const sh = async (script: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run('sh', ['-ec', script, 'sh', ...args]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  /** An image as docker save gives it: its layers' tars, lowest first. */
  const savedLayers = async (image: string): Promise<Buffer[]> => {
    const to = `${folder}/saved-${image.replaceAll(/[^a-z0-9]/g, '-')}`;
    mkdirSync(to);
    await docker('save', '-o', `${to}/image.tar`, image);
    await sh('tar -C "$1" -xf "$1/image.tar"', to);
    const [manifest] = JSON.parse(readFileSync(`${to}/manifest.json`, 'utf8')) as [{ Layers: string[] }];
    return manifest.Layers.map((name) => readFileSync(`${to}/${name}`));
  };
  const ingest = async (bytes: Buffer): Promise<Digest> => {
    await using incoming = await driver.ingest({ compression: 'none' });
    await incoming.write(Uint8Array.from(bytes));
    return (await incoming.finish()).diffId;
  };

  before(async () => {
    folder = tempFor({ after: (hook) => cleanups.push(hook) });
    mkdirSync(`${folder}/driver`);
    driver = openDriver('overlay', `${folder}/driver`);
    await peers(['clients', folder]);
    await peers(['down']);
    host = await peers(['docker']);
    await sh(`tar -C "$1" -c . | DOCKER_HOST="$2" "$3/docker" import - ${IMAGE}`, await busyboxRootfs(), host, folder);
  });
  after(async () => {
    await docker('rm', '-f', 'c1').catch(() => {});
    await docker('image', 'rm', '-f', IMAGE, `${IMAGE}:changed`, LOADED).catch(() => {});
    await driver.close();
    await peers(['down']);
    for (const cleanup of cleanups) await cleanup();
  });

  test('diff and changes of a writable layer are what docker commit and docker diff give', async () => {
    await docker(
      ...['run', '--name', 'c1', '--network', 'none', IMAGE, 'sh', '-ec'],
      `mkdir -p /n/m; echo deep >/n/m/o; ln /n/m/o /n/hard; ln -s ../x /n/soft; mkfifo /n/p; echo more >>/etc/passwd; rm /etc/group
       mkdir /q; echo x >/q/x; chmod 1777 /q; chown 12:34 /q/x; touch -d '2001-02-03 04:05:06' /q/x; mknod /n/null c 1 3; chmod 4755 /n/m/o
       long=/l/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb/ccccccccccccccccccc
       mkdir -p $long/d; echo long >$long/file; echo é >/l/é; chown 3000000:4 /l/é; rm -r /tmp; mkdir /tmp; echo t >/tmp/t; head -c 100000 /dev/zero >/zeros`,
    );
    const upper = JSON.parse(await docker('inspect', '--format', '{{json .GraphDriver.Data}}', 'c1')) as { UpperDir: string };
    await docker('commit', 'c1', `${IMAGE}:changed`);
    const [base, committed] = await savedLayers(`${IMAGE}:changed`);
    const diffId = await ingest(base!);
    const writable = driver.createWritable('c1');
    await sh('cp -a --preserve=all "$1/." "$2/"', `${SID}${upper.UpperDir}`, writable.dir);

    const letters = { modified: 'C', added: 'A', deleted: 'D' };
    const told = (await docker('diff', 'c1')).split('\n').toSorted();
    assert.deepEqual((await driver.changes([diffId], 'c1')).map(({ kind, path }) => `${letters[kind]} ${path}`).toSorted(), told);
    assert.ok(told.length > 20);

    const pieces: Buffer[] = [];
    for await (const piece of driver.diff([diffId], 'c1')) pieces.push(piece);
    writeFileSync(`${folder}/ours.tar`, Buffer.concat(pieces));
    writeFileSync(`${folder}/theirs.tar`, committed!);
    const listing = (name: string) => sh('tar --numeric-owner --full-time -tvf "$1"', `${folder}/${name}`);
    assert.equal(await listing('ours.tar'), await listing('theirs.tar'));
    assert.equal(sha256(Buffer.concat(pieces)), sha256(committed!), 'bit for bit');
  });

  test('a layer unpacks to what docker load makes of it', async () => {
    const layers = [
      [
        dir('d/', { mode: 0o1777, uid: 1, gid: 2 }),
        file('d/f', 'content', {
          mode: 0o4755,
          uid: 1000,
          gid: 1001,
          xattrs: { 'user.a': 'b', 'security.capability': Buffer.from('0100000200200000000000000000000000000000', 'hex') },
        }),
        link('d/hard', 'd/f'),
        symlink('s', '/d'),
        file('s/through', 'a link'),
        dir('e/'),
        file('e/old', ''),
        file('/absolute', ''),
        file('implied/folder/f', ''),
        node('char', 'null', { devMajor: 1, devMinor: 3 }),
        node('block', 'disk', { devMajor: 8, devMinor: 300 }),
        node('fifo', 'p'),
        file('gone', '1'),
        file(Buffer.from([0xff, 0xe9]), 'bytes'),
        file(`${'l'.repeat(200)}/${'m'.repeat(200)}`, ''),
      ],
      [dir('d/', { mode: 0o700 }), whiteout('d/f'), opaque('e'), file('e/new', ''), whiteout('gone')],
    ].map(layerTar);
    const config = JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: layers.map((bytes) => `sha256:${sha256(bytes)}`) },
    });
    const image = layerTar([
      file('config.json', config),
      ...layers.map((bytes, index) => file(`${index}.tar`, bytes)),
      file('manifest.json', JSON.stringify([{ Config: 'config.json', RepoTags: [`${LOADED}:latest`], Layers: layers.map((_, index) => `${index}.tar`) }])),
    ]);
    writeFileSync(`${folder}/image.tar`, image);
    await docker('load', '-i', `${folder}/image.tar`);
    const data = JSON.parse(await docker('image', 'inspect', '--format', '{{json .GraphDriver.Data}}', LOADED)) as { UpperDir: string; LowerDir: string };
    const theirs = [data.LowerDir, data.UpperDir].map((path) => `${SID}${path}`);
    let size = 0;
    for (const [index, bytes] of layers.entries()) {
      const diffId = await ingest(bytes);
      const ours = `${folder}/driver/layers/${diffId.slice(7)}/fs`;
      // times of folders that no entry names, and of whiteouts, are the moment of unpacking there
      const list = (path: string) =>
        sh(
          `cd "$1"; find . -mindepth 1 ! -path ./s/through -printf '%p|%y|%m|%U|%G|%l|%n|%s|%T@\\n' | grep -vE '^\\./(implied|implied/folder|l+)\\|' | sed -E 's/^(([^|]*\\|){7})[0-9]+(\\|.*)$/\\1X\\3/;t' | sed -E '/^\\.\\/(e\\||[^|]*\\|c\\|0)/s/[^|]*$/T/' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum; find . -type c -o -type b | sort | xargs -r stat -c '%n %t:%T'`,
          path,
        );
      assert.equal(await list(ours), await list(theirs[index]!), `layer ${index}`);
      assert.deepEqual(xattrs(ours), xattrs(theirs[index]!));
      size += (JSON.parse(readFileSync(`${folder}/driver/layers/${diffId.slice(7)}/layer.json`, 'utf8')) as { contentSize: number }).contentSize;
    }
    assert.ok(readdirSync(`${theirs[0]}`).length > 10);
    assert.equal(await docker('image', 'inspect', '--format', '{{.Size}}', LOADED), String(size));
  });
});
