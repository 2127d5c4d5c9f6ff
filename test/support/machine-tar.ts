/** A tar made by the machine's own tar, not by ours. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { runOk } from './run.ts';

/** A tar of files. `folder` is the test's, to work in. */
export async function machineTar(folder: string, files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  mkdirSync(`${folder}/tree`);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(`${folder}/tree/${name}`, bytes);
  await runOk('tar', ['--create', '--numeric-owner', '--file', `${folder}/out.tar`, '--directory', `${folder}/tree`, ...Object.keys(files)]);
  return readFileSync(`${folder}/out.tar`);
}
