/** Builds one case of the corpus with the real client, and gives what came of it as data. */
import { chmodSync, chownSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, lutimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LayerEntry } from '../support/layers.ts';
import type { RunResult } from '../support/run.ts';
import { canonicalEntries, canonicalFolder, type CanonicalFile, canonicalImage, type CanonicalImage, canonicalText, readTar } from './canonical.ts';
import type { BuildCase } from './corpus/case.ts';
import type { BuildGround } from './ground.ts';

export type Builder = 'buildx' | 'classic';

/** What a build gave: one of `image`, `files` and `text`, or a `code` that is not 0; and what was said beside progress. */
export interface Outcome {
  readonly code?: number;
  /** Warnings, errors with their quoted lines. */
  readonly said?: readonly string[];
  readonly image?: CanonicalImage;
  readonly files?: Readonly<Record<string, CanonicalFile>>;
  readonly text?: readonly string[];
}

export async function buildCase(ground: BuildGround, builder: Builder, each: BuildCase): Promise<Outcome> {
  for (const base of each.bases ?? ['busybox']) await ground.need(base);
  const folder = `${ground.folder}/cases/${each.name}-${builder}`;
  const tag = `case/${each.name}:${builder}`;
  const before = `before/${each.name}:${builder}`;
  const filled = (text: string) =>
    text.replaceAll('@SERVER@', ground.server.url).replaceAll('@BEFORE@', before).replaceAll('@DIR@', folder).replaceAll('@AGENT@', ground.agent);
  const env = { DOCKER_BUILDKIT: builder === 'buildx' ? '1' : '0', BUILDKIT_PROGRESS: 'plain', ...each.env };
  mkdirSync(`${folder}/context`, { recursive: true });
  try {
    if (each.before !== undefined) {
      mkdirSync(`${folder}/before`);
      writeFileSync(`${folder}/before/Dockerfile`, filled(each.before));
      const result = await ground.docker(['build', '-t', before, `${folder}/before`], { env });
      if (result.code !== 0) throw new Error(`the image to build upon cannot be built: ${result.stderr}`);
    }
    writeTree(`${folder}/context`, typeof each.context === 'function' ? each.context() : (each.context ?? []));
    writeTree(folder, each.beside ?? []);
    writeFileSync(
      `${folder}/context/Dockerfile`,
      filled(each.dockerfile ?? readFileSync(`${import.meta.dirname}/corpus/dockerfiles/${each.name}.Dockerfile`, 'utf8')),
    );
    const source = each.source === undefined ? `${folder}/context` : filled(each.source);
    const image = (each.result ?? 'image') === 'image';
    const result = await ground.docker(['build', ...(image ? ['-t', tag] : []), ...(each.args ?? []).map(filled), source], { env, timeoutMs: 300_000 });
    // an engine that is gone says nothing about builds
    if (result.stderr.includes('Cannot connect to the Docker daemon')) throw new Error(result.stderr);
    const names = { '@DIR@': folder, '@SERVER@': ground.server.url, '@BEFORE@': before };
    const isMade = result.code === 0 || each.result === 'text';
    return { ...said(result, builder, names), ...(isMade ? await made(ground, each, tag, names, result.stdout) : {}) };
  } finally {
    await ground.docker(['image', 'rm', '-f', tag, ...(each.before === undefined ? [] : [before])]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Places and addresses of this run, by the names that stand for them. */
type Names = Readonly<Record<'@DIR@' | '@SERVER@' | '@BEFORE@', string>>;

function named(text: string, names: Names): string {
  return Object.entries(names).reduce((all, [name, value]) => all.replaceAll(value, name), text);
}

const linesOf = (text: string, names: Names) =>
  named(canonicalText(text), names)
    .split('\n')
    .map((line) => line.trimEnd());

/** A result as JSON has the low-level definition that reads the Dockerfile, with the id of the session in it: another one each time. */
function withoutDefinitions(text: string): string {
  return text.replaceAll(/^( *)"definition": \{\n[^]*?^\1\},?\n/gm, '');
}

async function made(ground: BuildGround, each: BuildCase, tag: string, names: Names, stdout: string): Promise<Outcome> {
  const bases = [...ground.bases.values()];
  const folder = names['@DIR@'];
  switch (each.result ?? 'image') {
    case 'text':
      return { text: linesOf(withoutDefinitions(stdout.trimEnd()), names) };
    case 'local':
      return { files: canonicalFolder(`${folder}/out`, bases, each.opaque) };
    case 'tar':
      return { files: canonicalEntries(readTar(readFileSync(`${folder}/out.tar`)), bases, each.opaque) };
    default: {
      const saved = await ground.docker(['save', '-o', `${folder}/saved.tar`, tag]);
      if (saved.code !== 0) throw new Error(`docker save: ${saved.stderr}`);
      const canonical = canonicalImage(readFileSync(`${folder}/saved.tar`), bases, each.opaque);
      return { image: JSON.parse(named(JSON.stringify(canonical), names)) as CanonicalImage };
    }
  }
}

const PROGRESS = /^#\d+ |level=error msg="Can't (add|close)/;
const DEPRECATION = /^(DEPRECATED|\s+(environment-variable|Install the buildx|BuildKit is currently|https:))/;
const WARNING = /^ - \w+: /;

/** Of buildx all but the progress; of the classic client the error alone, for its steps go to stdout. */
function said({ code, stderr }: RunResult, builder: Builder, names: Names): Outcome {
  const lines = linesOf(stderr, names)
    .map((line) => line.replace(/^\d+\.\d+ /, 'TIME '))
    .filter((line) => line !== '' && !PROGRESS.test(line) && !(builder === 'classic' && DEPRECATION.test(line)));
  // warnings come in any order
  const warnings = lines.filter((line) => WARNING.test(line)).toSorted();
  const sorted = lines.map((line) => (WARNING.test(line) ? warnings.shift()! : line));
  return { ...(code !== 0 && { code }), ...(sorted.length > 0 && { said: sorted }) };
}

/** Files of this machine as the entries say; folders' dates last. */
export function writeTree(folder: string, entries: readonly LayerEntry[]): void {
  for (const { type, name, mode, mtime, content, linkName, uid = 0, gid = 0 } of entries) {
    const path = `${folder}/${String(name)}`;
    mkdirSync(dirname(path), { recursive: true });
    if (type === 'dir') mkdirSync(path, { recursive: true });
    else if (type === 'symlink') symlinkSync(linkName!, path);
    else if (type === 'link') linkSync(`${folder}/${String(linkName)}`, path);
    else writeFileSync(path, content ?? '');
    const seconds = Number((mtime ?? 0n) / 1_000_000_000n);
    if (type === 'symlink') lutimesSync(path, seconds, seconds);
    else {
      chownSync(path, uid, gid);
      chmodSync(path, mode);
      utimesSync(path, seconds, seconds);
    }
  }
  for (const { type, name, mtime } of entries.toReversed()) {
    const seconds = Number((mtime ?? 0n) / 1_000_000_000n);
    if (type === 'dir') utimesSync(`${folder}/${String(name)}`, seconds, seconds);
  }
}
