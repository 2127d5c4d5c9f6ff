/**
 * A process that takes a layer in, to be killed or to run out of space:
 *   DRIVER DIR FILE slow    writes FILE in small pieces, says how far it is
 *   DRIVER DIR FILE full    in a mount namespace of its own: DIR is a tmpfs too small for FILE; says what happened as JSON
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { file, layerTar } from './layers.ts';
import { openDriver } from './snapshot-drivers.ts';

const [name, dir, path, mode] = process.argv.slice(2) as [string, string, string, string];
const bytes = readFileSync(path);

async function slow(): Promise<void> {
  const driver = openDriver(name, dir);
  const incoming = await driver.ingest(
    { compression: 'auto', blob: { partial: `${dir}/partial`, path: `${dir}/blob` } },
    { progress: (taken) => void process.stdout.write(`${taken}\n`) },
  );
  for (let at = incoming.resumeAt; at < bytes.length; at += 20_000) {
    await incoming.write(Uint8Array.from(bytes.subarray(at, at + 20_000)));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await incoming.finish();
  await driver.close();
}

async function full(): Promise<void> {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,nr_inodes=2000', 'small', dir]);
  const driver = openDriver(name, dir);
  const attempt = async (content: Buffer) => {
    const incoming = await driver.ingest({ compression: 'auto', blob: { partial: `${dir}/partial`, path: `${dir}/blob` } });
    for (let at = incoming.resumeAt; at < content.length; at += 100_000) await incoming.write(Uint8Array.from(content.subarray(at, at + 100_000)));
    return incoming.finish();
  };
  const error = (await attempt(bytes).catch((failure: { kind: string; message: string }) => failure)) as { kind: string; message: string };
  const left = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(
    (entry) => entry.startsWith('tmp/') || entry.startsWith('trash/') || entry.startsWith('layers/'),
  );
  execFileSync('rm', ['-f', `${dir}/partial`]);
  const next = await attempt(layerTar([file('small', 'x'.repeat(1_000_000))]));
  await driver.close();
  process.stdout.write(JSON.stringify({ kind: error.kind, message: error.message, left, next: next.contentSize }));
}

await (mode === 'slow' ? slow() : full());
