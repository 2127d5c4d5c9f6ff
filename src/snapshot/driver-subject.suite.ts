/** What the tests of snapshot drivers share. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import { type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { type Seen } from '../../test/support/layers.ts';
import { projectDir, projectNode } from '../../test/support/paths.ts';
import { tempFor } from '../../test/support/temp.ts';
import type { Digest } from '../base/digest.ts';
import type { LayerInfo, LayerRequest, SnapshotDriver } from './contract.ts';

export const run = promisify(execFile);

export interface DriverSubject {
  readonly name: string;
  open(dir: string): SnapshotDriver;
  /** Why it cannot be tested here. */
  readonly skip?: string | undefined;
}

export async function ingest(driver: SnapshotDriver, bytes: Buffer, request: Partial<LayerRequest> = {}, piece = 65536): Promise<LayerInfo> {
  await using incoming = await driver.ingest({ compression: 'auto', ...request });
  for (let at = incoming.resumeAt; at < bytes.length; at += piece) await incoming.write(Uint8Array.from(bytes.subarray(at, at + piece)));
  return await incoming.finish();
}

/** What a container with these layers sees; a script may change something first. */
export async function seen(driver: SnapshotDriver, layers: readonly Digest[], folder: string, id: string, script?: string): Promise<Record<string, Seen>> {
  driver.createWritable(id);
  const mountPoint = `${folder}/mnt`;
  mkdirSync(mountPoint, { recursive: true });
  const root = JSON.stringify(driver.root(layers, id, mountPoint));
  const args = ['--mount', '--propagation', 'private', projectNode, `${projectDir}/test/support/list-root.ts`, root, ...(script === undefined ? [] : [script])];
  const { stdout } = await run('unshare', args, { maxBuffer: 1 << 28 });
  return JSON.parse(stdout) as Record<string, Seen>;
}

/** A tmpfs has them since Linux 6.6; a driver does without them, as Docker does. */
export function keepsUserAttributes(folder: string): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return statfsSync(folder).type !== 0x01021994 || major > 6 || (major === 6 && minor >= 6);
}

/** A driver in a folder of its own, for one test. */
export function openSubject(subject: DriverSubject, t: TestContext): { driver: SnapshotDriver; folder: string } {
  const folder = tempFor(t);
  mkdirSync(`${folder}/driver`);
  const driver = subject.open(`${folder}/driver`);
  t.after(() => driver.close());
  return { driver, folder };
}

/** Every file below a folder, to see that nothing has changed. */
export const everything = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();
