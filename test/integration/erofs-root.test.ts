/** Containers on layers that are EROFS images, folders, or both. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { before, describe, test, type TestContext } from 'node:test';
import { machineFacts } from '../../src/kernel/linux/machine.ts';
import { planContainer } from '../../src/runtime/container-plan.ts';
import type { ErofsLayer, MonitorSettings, RootSource } from '../../src/runtime/contract.ts';
import { defaultSpec } from '../../src/runtime/default-spec.ts';
import type { Spec } from '../../src/runtime/spec.ts';
import { whyNoErofs } from '../support/erofs-kernel.ts';
import { indexTar } from '../support/erofs-index.ts';
import { helperMissing, runHelper } from '../support/helper.ts';
import { archive, rawHeader, withBody } from '../support/raw-archive.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { tempFor } from '../support/temp.ts';
import { tarOf } from '../support/random-tree.ts';
import { DETACHED } from '../../src/engine/oci-options.ts';

type Overlay = Extract<RootSource, { kind: 'overlay' }>;
let skip: string | undefined;
let busybox = '';
before(async () => {
  busybox = await busyboxRootfs();
  skip = helperMissing() ?? (await whyNoErofs());
});

const monitor: MonitorSettings = { ...DETACHED, leave: false };

/** What a shell script says in a container on this root. */
async function inside(root: RootSource, script: string, base: Spec = defaultSpec()): Promise<string> {
  const spec = { ...base, process: { ...defaultSpec().process!, args: ['sh', '-c', script] } };
  const input = { id: 'kobako-test', spec, root, machine: machineFacts(), cgroup: undefined, stdio: { kind: 'inherit' } as const, monitor, bundle: '/' };
  const { stdout, stderr, events } = await runHelper(planContainer(input).plan);
  assert.equal(events.at(-1)?.status, 0, JSON.stringify(events) + stderr);
  return stdout.trim();
}

/** A folder with the parts of an EROFS layer. */
function layerOf(dir: string, name: string, ...parts: Buffer[]): ErofsLayer {
  mkdirSync(`${dir}/${name}`, { recursive: true });
  writeFileSync(`${dir}/${name}/tar`, archive(...parts));
  return indexed(`${dir}/${name}`);
}

function indexed(folder: string): ErofsLayer {
  indexTar(`${folder}/tar`, `${folder}/index`);
  indexTar(`${folder}/tar`, `${folder}/index-user`, 'user');
  return { kind: 'erofs', index: `${folder}/index`, device: `${folder}/tar` };
}

async function busyboxLayer(dir: string): Promise<ErofsLayer> {
  mkdirSync(`${dir}/busybox`, { recursive: true });
  await tarOf(busybox, `${dir}/busybox/tar`);
  return indexed(`${dir}/busybox`);
}

function on(t: TestContext, body: (dir: string) => Promise<void>): Promise<void> | void {
  if (skip !== undefined) return t.skip(skip);
  return body(tempFor(t));
}

function overlay(dir: string, lower: Overlay['lower'], upper = true): Overlay {
  for (const name of ['root', 'upper', 'work']) mkdirSync(`${dir}/${name}`, { recursive: true });
  return { kind: 'overlay', lower, mountPoint: `${dir}/root`, ...(upper ? { upper: { dir: `${dir}/upper`, work: `${dir}/work` } } : {}) };
}

const longPath = (dir: string) => `${dir}/${'long/'.repeat(30)}${'n'.repeat(200)}`;
const file = (name: string, body = '', fields = {}) => withBody({ name, ...fields }, body);

describe('a container', () => {
  test('on EROFS layers alone: whiteouts, opaque folders, replaced files; writes go to the upper layer', (t) =>
    on(t, async (dir) => {
      const low = layerOf(dir, 'low', file('d/below', 'low'), file('o/below', 'low'), file('f', 'old'), file('gone'));
      const top = layerOf(
        dir,
        'top',
        file('d/above', 'top'),
        file('o/.wh..wh..opq'),
        file('o/above'),
        file('f', 'new', { mode: 0o640, uid: 7 }),
        file('.wh.gone'),
      );
      const root = overlay(dir, [top, low, await busyboxLayer(dir)]);
      const script = 'ls /d /o; cat /f; stat -c " %a %u" /f; test -e /gone || echo no; echo changed >>/f; echo mine >/new; rm /d/below; mount | grep -c erofs';
      const said = await inside(root, `${script} || true`);
      assert.equal(said, ['/d:', 'above', 'below', '', '/o:', 'above', 'new 640 7', 'no', '0'].join('\n'));
      assert.equal(readFileSync(`${dir}/upper/f`, 'utf8'), 'newchanged\n');
      assert.equal(readFileSync(`${dir}/upper/new`, 'utf8'), 'mine\n');
      const digest = createHash('sha256')
        .update(readFileSync(`${dir}/low/tar`))
        .digest('hex');
      assert.equal(
        digest,
        createHash('sha256')
          .update(archive(file('d/below', 'low'), file('o/below', 'low'), file('f', 'old'), file('gone')))
          .digest('hex'),
      );
      assert.ok(!readFileSync('/proc/self/mounts', 'utf8').includes(dir), 'nothing is mounted on the host');
    }));

  test('on EROFS and folders, mixed', (t) =>
    on(t, async (dir) => {
      mkdirSync(`${dir}/folder/d`, { recursive: true });
      writeFileSync(`${dir}/folder/d/in-folder`, 'folder');
      const top = layerOf(dir, 'top', file('d/on-top', 'top'));
      const said = await inside(overlay(dir, [top, `${dir}/folder`, await busyboxLayer(dir)], false), 'cat /d/in-folder /d/on-top; echo; echo x >/d/y; ls /d');
      assert.equal(said, 'foldertop\nin-folder\non-top\ny');
      assert.ok(!existsSync(`${dir}/folder/d/y`));
    }));

  test('on 128 layers', (t) =>
    on(t, async (dir) => {
      const layers = Array.from({ length: 127 }, (_, index) => layerOf(dir, `layer${index}`, file(`many/${index}`, 'x'), file('same', `${index}`)));
      assert.equal(await inside(overlay(dir, [...layers, await busyboxLayer(dir)]), 'ls /many | wc -l; cat /same'), '127\n0');
    }));

  test('below a path of more than 256 bytes', (t) =>
    on(t, async (dir) => {
      const long = longPath(dir);
      const top = layerOf(long, 'top', file('f', 'text'));
      mkdirSync(`${long}/with:colon`);
      writeFileSync(`${long}/with:colon/g`, 'colon');
      assert.equal(await inside(overlay(long, [top, `${long}/with:colon`, busybox]), 'cat /f /g; echo >/h'), 'textcolon');
      assert.ok(existsSync(`${long}/upper/h`));
    }));

  test('of folders alone, many and with long names, on every kernel', async (t) => {
    if (helperMissing() !== undefined) return t.skip(helperMissing());
    const long = longPath(tempFor(t));
    const layers = Array.from({ length: 60 }, (_, index) => `${long}/layer:${index}`);
    for (const [index, layer] of layers.entries()) {
      mkdirSync(`${layer}/many`, { recursive: true });
      writeFileSync(`${layer}/many/${index}`, '');
      writeFileSync(`${layer}/same`, `${index}`);
    }
    assert.equal(await inside(overlay(long, [...layers, busybox]), 'ls /many | wc -l; cat /same; echo >/h'), '60\n0');
    assert.ok(existsSync(`${long}/upper/h`));
  });

  test('on a broken index: a clear error, nothing left', (t) =>
    on(t, async (dir) => {
      const layer = layerOf(dir, 'broken', rawHeader({ name: 'd', type: '5' }));
      writeFileSync(layer.index, Buffer.alloc(2048));
      const spec = { ...defaultSpec(), process: { ...defaultSpec().process!, args: ['true'] } };
      const root = overlay(dir, [layer, busybox]);
      const input = { id: 'kobako-test', spec, root, machine: machineFacts(), cgroup: undefined, stdio: { kind: 'inherit' } as const, monitor, bundle: '/' };
      const { plan } = planContainer(input);
      const { events } = await runHelper(plan);
      const failed = events.find(({ event }) => event === 'failed')!;
      const op = plan.ops[failed.index!]!;
      assert.deepEqual([op.op, op.subject], ['mount', `layer ${layer.index}`]);
      assert.ok(!readFileSync('/proc/self/mounts', 'utf8').includes(dir));
    }));

  test('in a user namespace: layers mounted before it, opaque folders too', (t) =>
    on(t, async (dir) => {
      const low = layerOf(dir, 'low', file('d/below', 'low'), file('o/below', 'low'), file('gone'));
      const top = layerOf(dir, 'top', file('d/above', 'top'), file('o/.wh..wh..opq'), file('o/above'), file('.wh.gone'));
      const layers = [top, low, await busyboxLayer(dir), ...Array.from({ length: 40 }, (_, index) => layerOf(dir, `more${index}`, file(`more/${index}`)))];
      const maps = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
      const spec = defaultSpec();
      const linux = { ...spec.linux, uidMappings: maps, gidMappings: maps, namespaces: [...(spec.linux?.namespaces ?? []), { type: 'user' as const }] };
      const userLower = layers.map((layer) => ({ ...layer, index: `${dirname(layer.index)}/index-user` }));
      const root = { ...overlay(dir, layers, false), userLower, idmap: true } as const;
      chmodSync(dir, 0o755);
      const said = await inside(
        root,
        'ls /d /o; stat -c %u /d/below; test -e /gone || echo no; ls /more | wc -l; echo x >/d/new; ls /d; rm -r /d; mkdir /d; ls /d; echo gone',
        { ...spec, linux },
      );
      assert.equal(said, ['/d:', 'above', 'below', '', '/o:', 'above', '0', 'no', '40', 'above', 'below', 'new', 'gone'].join('\n'));
    }));
});
