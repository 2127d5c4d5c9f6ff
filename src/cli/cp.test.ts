/** docker's rules for `cp`, against a "container" that is a folder. */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, utimesSync, writeFileSync, linkSync } from 'node:fs';
import { posix } from 'node:path';
import { test, type TestContext } from 'node:test';
import { EngineError } from '../base/errors.ts';
import type { Containers } from '../engine/containers-contract.ts';
import type { Engine } from '../engine/contract.ts';
import type { PathStat } from '../engine/types/container-answers.ts';
import { TarWriter } from '../tar/writer.ts';
import { cli, type CliOptions, type CliResult } from '../../test/support/cli.ts';
import { tempFor } from '../../test/support/temp.ts';
import { splitEntry } from './cp-paths.ts';
import { pack } from '../build/pack-folder.ts';
import { unpack } from './unpack.ts';

interface Ground {
  /** This machine, and the root of the container `c`. */
  readonly here: string;
  readonly there: string;
  cp(...argv: string[]): Promise<CliResult>;
  with(options: CliOptions, ...argv: string[]): Promise<CliResult>;
  /** What was asked of `putArchive`. */
  readonly puts: object[];
}

function stat(root: string, path: string): PathStat {
  const found = lstatSync(root + path.replace(/(.)\/+\.?$/, '$1'), { throwIfNoEntry: false });
  if (found === undefined) throw new EngineError('not-found', `Could not find the file ${path} in container c`);
  const mode = (found.isDirectory() ? 2 ** 31 : 0) + (found.isSymbolicLink() ? 2 ** 27 : 0) + (found.mode & 0o777);
  const linkTarget = found.isSymbolicLink() ? readlinkSync(root + path) : '';
  return { name: posix.basename(path), size: found.size, mode, mtime: '', linkTarget };
}

function ground(t: TestContext, archive?: Buffer): Ground {
  const folder = tempFor(t);
  const [here, there] = [`${folder}/here`, `${folder}/there`];
  mkdirSync(here);
  mkdirSync(there);
  const puts: object[] = [];
  const containers: Pick<Containers, 'statArchive' | 'getArchive' | 'putArchive'> = {
    statArchive: async (_name, path) => stat(there, path),
    getArchive: async (_name, path) => {
      const { base } = splitEntry(path);
      const body =
        archive === undefined
          ? pack(there + path, base === '/' ? '.' : base)
          : (async function* () {
              yield archive;
            })();
      return { stat: stat(there, path), body };
    },
    putArchive: async (_name, path, tar, options) => {
      puts.push({ path, ...options });
      await unpack(tar as AsyncIterable<Buffer>, '.', there + path, () => {});
    },
  };
  const run = (argv: readonly string[], options: CliOptions) => cli({ containers } as unknown as Engine, ['cp', ...argv], { cwd: here, ...options });
  return { here, there, puts, cp: (...argv) => run(argv, {}), with: (options, ...argv) => run(argv, options) };
}

const DONE = { code: 0, stdout: '', stderr: '' };
const failed = (words: string) => ({ code: 1, stdout: '', stderr: `kobako: ${words}\n` });
const read = (path: string) => readFileSync(path, 'utf8');

/** Both directions have the same rules: `from` and `to` are folders, the other arguments name what is in them. */
for (const direction of ['out of the container', 'into the container'] as const) {
  const out = direction === 'out of the container';
  const sides = (g: Ground) => (out ? { from: g.there, to: g.here } : { from: g.here, to: g.there });
  const copy = (g: Ground, source: string, target: string) => (out ? g.cp(`c:/${source}`, target) : g.cp(source, `c:/${target}`));

  test(`a file, ${direction}`, async (t) => {
    const g = ground(t);
    const { from, to } = sides(g);
    writeFileSync(`${from}/a`, 'new', { mode: 0o640 });
    utimesSync(`${from}/a`, 1000, 1000);
    assert.deepEqual(await copy(g, 'a', 'b'), DONE);
    assert.deepEqual([read(`${to}/b`), statSync(`${to}/b`).mode & 0o777, statSync(`${to}/b`).mtimeMs], ['new', 0o640, 1_000_000]);
    writeFileSync(`${to}/old`, 'longer than that');
    assert.deepEqual(await copy(g, 'a', 'old'), DONE);
    assert.equal(read(`${to}/old`), 'new');
    mkdirSync(`${to}/folder`);
    for (const target of ['folder', 'folder/']) {
      assert.deepEqual(await copy(g, 'a', target), DONE);
      assert.equal(read(`${to}/folder/a`), 'new');
    }
    assert.deepEqual(await copy(g, 'a', 'none/'), failed('no such directory'));
    if (out) assert.match((await g.cp('c:/a', 'no/such')).stderr, /invalid output path: directory ".*\/here\/no" does not exist/);
    mkdirSync(`${to}/taken/a`, { recursive: true });
    assert.match((await copy(g, 'a', 'taken')).stderr, /cannot overwrite directory/);
  });

  test(`a folder, ${direction}`, async (t) => {
    const g = ground(t);
    const { from, to } = sides(g);
    mkdirSync(`${from}/dir/sub`, { recursive: true });
    writeFileSync(`${from}/dir/x`, 'x');
    writeFileSync(`${from}/dir/sub/y`, 'y');
    symlinkSync('/etc/passwd', `${from}/dir/link`);
    linkSync(`${from}/dir/x`, `${from}/dir/hard`);
    assert.deepEqual(await copy(g, 'dir', 'fresh'), DONE);
    assert.deepEqual(readdirSync(`${to}/fresh`), ['hard', 'link', 'sub', 'x']);
    assert.equal(readlinkSync(`${to}/fresh/link`), '/etc/passwd');
    assert.equal(statSync(`${to}/fresh/hard`).ino, statSync(`${to}/fresh/x`).ino);
    mkdirSync(`${to}/there`);
    assert.deepEqual(await copy(g, 'dir', 'there'), DONE);
    assert.equal(read(`${to}/there/dir/sub/y`), 'y');
    mkdirSync(`${to}/contents`);
    assert.deepEqual(await copy(g, 'dir/.', 'contents'), DONE);
    assert.equal(read(`${to}/contents/sub/y`), 'y');
    assert.deepEqual(await copy(g, 'dir/.', 'renamed'), DONE);
    assert.equal(read(`${to}/renamed/x`), 'x');
    writeFileSync(`${to}/file`, '');
    assert.deepEqual(await copy(g, 'dir', 'file'), failed('cannot copy directory'));
  });
}

test('a link is copied as one, or followed with -L; a target that is one is followed', async (t) => {
  const g = ground(t);
  writeFileSync(`${g.there}/real`, 'real');
  symlinkSync('real', `${g.there}/link`);
  await g.cp('c:/link', 'as-link');
  assert.equal(readlinkSync(`${g.here}/as-link`), 'real');
  await g.cp('-L', 'c:/link', 'as-file');
  assert.equal(read(`${g.here}/as-file`), 'real');
  mkdirSync(`${g.here}/folder`);
  await g.cp('-L', 'c:/link', 'folder');
  assert.equal(read(`${g.here}/folder/link`), 'real');
  writeFileSync(`${g.here}/own`, 'own');
  symlinkSync('own', `${g.here}/own-link`);
  await g.cp('-L', 'own-link', 'c:/from-link');
  assert.equal(read(`${g.there}/from-link`), 'own');
  mkdirSync(`${g.there}/place`);
  symlinkSync('place', `${g.there}/place-link`);
  await g.cp('own', 'c:/place-link');
  assert.equal(read(`${g.there}/place/own`), 'own');
  await g.cp('c:/real', 'own-link');
  assert.equal(read(`${g.here}/own`), 'real');
});

test('archives: from standard input, to standard output; -a asks for owners', async (t) => {
  const g = ground(t);
  writeFileSync(`${g.there}/a`, 'aaa');
  const { stdout } = await g.cp('c:/a', '-');
  assert.match(stdout, /^a\0.*aaa/s);
  mkdirSync(`${g.there}/in`);
  assert.deepEqual(await g.with({ input: stdout }, '-', 'c:/in'), DONE);
  assert.equal(read(`${g.there}/in/a`), 'aaa');
  assert.deepEqual(await g.with({ input: stdout }, '-', 'c:/a'), failed('destination "c:/a" must be a directory'));
  await g.cp('-a', 'own', 'c:/in');
  writeFileSync(`${g.here}/own`, '');
  await g.cp('-a', 'own', 'c:/in');
  assert.deepEqual(g.puts.at(-1), { path: '/in', noOverwriteDirNonDir: true, copyUIDGID: true });
});

test('what cannot be: words as docker’s', async (t) => {
  const g = ground(t);
  assert.deepEqual(await g.cp('a', 'b'), failed('must specify at least one container source'));
  assert.deepEqual(await g.cp('a:/x', 'b:/y'), failed('copying between containers is not supported'));
  assert.deepEqual(await g.cp('', 'b:/y'), failed('source can not be empty'));
  assert.deepEqual(await g.cp('a'), failed('"kobako cp" requires exactly 2 arguments'));
  assert.deepEqual(await g.cp('./none', 'c:/'), failed(`lstat ${g.here}/none: no such file or directory`));
  assert.deepEqual(await g.cp('c:/none', 'x'), failed('Could not find the file /none in container c'));
  writeFileSync(`${g.here}/file`, '');
  assert.deepEqual(await g.cp('file/', 'c:/'), failed('not a directory'));
});

test('a line of progress where somebody looks', async (t) => {
  const g = ground(t);
  writeFileSync(`${g.there}/a`, 'aaa');
  assert.equal((await g.cp('-q=false', 'c:/a', 'b')).stderr, 'Successfully copied 2.05kB to b\n');
  assert.equal((await g.cp('--quiet=false', 'b', 'c:/b')).stderr, 'Successfully copied 2.05kB to c:/b\n');
});

test('a hostile archive does not get out of its folder', async (t) => {
  const outside = tempFor(t);
  const archive = (...entries: Parameters<TarWriter['entry']>[0][]) => {
    const chunks: Buffer[] = [];
    const writer = new TarWriter((chunk) => void chunks.push(chunk));
    for (const entry of entries) writer.entry(entry);
    writer.end();
    return Buffer.concat(chunks);
  };
  const folder = { type: 'dir', name: Buffer.from('dir/'), mode: 0o755 } as const;
  const file = (name: string) => ({ type: 'file', name: Buffer.from(name), mode: 0o644 }) as const;
  const link = (name: string, to: string) => ({ type: 'symlink', name: Buffer.from(name), linkName: Buffer.from(to), mode: 0o777 }) as const;
  const hard = (name: string, to: string) => ({ type: 'link', name: Buffer.from(name), linkName: Buffer.from(to), mode: 0o644 }) as const;
  for (const [words, ...entries] of [
    [/would be outside/, folder, file('dir/../../evil')],
    [/is not in "dir"/, folder, file('/etc/evil')],
    [/goes through a symbolic link/, folder, link('dir/out', outside), file('dir/out/evil')],
    [/goes through a symbolic link/, link('dir', outside), file('dir/evil')],
    [/would be outside|is not in/, folder, hard('dir/x', '../../../etc/passwd')],
    [/goes through a symbolic link/, folder, link('dir/out', '/etc'), hard('dir/x', 'dir/out/passwd')],
  ] as const) {
    const g = ground(t, archive(...entries));
    mkdirSync(`${g.there}/dir`);
    mkdirSync(`${g.here}/into`);
    const { code, stderr } = await g.cp('c:/dir', 'into');
    assert.equal(code, 1, stderr);
    assert.match(stderr, words);
  }
  assert.deepEqual(readdirSync(outside), []);
  assert.equal(existsSync('/etc/evil'), false);
});
