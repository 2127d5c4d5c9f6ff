/** A layer of programs out of Debian's packages: the files that are named, and the libraries that they load. */
import { cpSync, existsSync, lstatSync, mkdirSync, openSync, readSync, closeSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { EngineError } from '../../../src/base/errors.ts';
import { debs } from '../debs.ts';
import { runOk } from '../run.ts';

const [TRIPLET, LOADER] = process.arch === 'arm64' ? ['aarch64-linux-gnu', 'lib/ld-linux-aarch64.so.1'] : ['x86_64-linux-gnu', 'lib64/ld-linux-x86-64.so.2'];

/** Everything that the images are made of, in one folder. */
export function appPackages(): Promise<string> {
  return debs(['bash', 'libc-bin', 'libstdc++6', 'nginx', 'postgresql', 'redis-server', 'tzdata', 'util-linux'], { dependencies: true });
}

export class LayerMaker {
  /** What the layer will hold. */
  readonly root: string;
  readonly #tree: string;
  readonly #below: ReadonlySet<string>;

  /** `root`: an empty folder. `tree`: where packages are unpacked. `below`: libraries that a lower layer has. */
  constructor(root: string, tree: string, below: ReadonlySet<string> = new Set()) {
    this.root = root;
    this.#tree = tree;
    this.#below = below;
  }

  /** Copies a file or a folder of the packages; links are followed where `path` itself is one. */
  take(path: string): void {
    const source = this.#inTree(path);
    const target = `${this.root}/${path}`;
    mkdirSync(dirname(target), { recursive: true });
    rmSync(target, { force: true, recursive: true }); // a link to busybox, whose target is not to be written
    cpSync(realpathSync(source), target, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  }

  /** A file of the caller's own. */
  write(path: string, text: string | Buffer, mode = 0o644): void {
    mkdirSync(dirname(`${this.root}/${path}`), { recursive: true });
    writeFileSync(`${this.root}/${path}`, text, { mode });
  }

  link(path: string, target: string): void {
    mkdirSync(dirname(`${this.root}/${path}`), { recursive: true });
    symlinkSync(target, `${this.root}/${path}`);
  }

  remove(path: string): void {
    rmSync(`${this.root}/${path}`, { recursive: true });
  }

  /** The libraries of every program in the layer, where the loader looks for them. Gives their names. */
  async takeLibraries(): Promise<Set<string>> {
    const places = ['lib', 'usr/lib'].map((folder) => `${this.#tree}/${folder}/${TRIPLET}`).join(':');
    const names = new Set(this.#below);
    const loader = this.#inTree(LOADER);
    // Node's recursive readdir follows links, out of the layer
    const { stdout: files } = await runOk('find', [this.root, '-type', 'f']);
    for (const path of files.split('\n').filter((file) => file !== '' && isDynamic(file))) {
      const { stdout } = await runOk(loader, ['--library-path', places, '--list', path]);
      for (const [, found] of stdout.matchAll(/ => (\/\S+) \(0x/g)) this.#takeLibrary(found!, names);
    }
    return names;
  }

  /** For what is loaded by name while a program runs. */
  takeLoaded(soname: string): void {
    this.#takeLibrary(this.#inTree(`lib/${TRIPLET}/${soname}`), new Set());
  }

  takeLoader(): void {
    this.take(LOADER);
  }

  /** Where a file of the packages lies: later releases have in usr what earlier ones had beside it. */
  #inTree(path: string): string {
    const places = [path, `usr/${path}`].map((place) => `${this.#tree}/${place}`);
    const found = places.find((place) => existsSync(place));
    if (found === undefined) throw new EngineError('internal', `the packages have no ${path}`);
    return found;
  }

  #takeLibrary(path: string, names: Set<string>): void {
    const name = basename(path);
    if (names.has(name)) return;
    names.add(name);
    mkdirSync(`${this.root}/usr/lib/${TRIPLET}`, { recursive: true });
    cpSync(realpathSync(path), `${this.root}/usr/lib/${TRIPLET}/${name}`);
  }

  /** A tar of the layer in `file`; the same files make the same bytes. */
  async pack(file: string): Promise<void> {
    await runOk('tar', ['--create', '--numeric-owner', '--sort=name', '--mtime=@0', '--file', file, '--directory', this.root, '.']);
  }

  /** `chown`, for everything below a folder that it makes if need be. */
  async own(path: string, uid: number, gid: number, mode = 0o755): Promise<void> {
    mkdirSync(`${this.root}/${path}`, { recursive: true });
    await runOk('chmod', [mode.toString(8), `${this.root}/${path}`]);
    await runOk('chown', ['-R', `${uid}:${gid}`, `${this.root}/${path}`]);
  }
}

/** ELF, and with an interpreter or other libraries to load: not a static program, a script or an object file. */
function isDynamic(path: string): boolean {
  if (lstatSync(path).size < 64) return false;
  const head = Buffer.alloc(4096);
  const fd = openSync(path, 'r');
  readSync(fd, head, 0, head.length, 0);
  closeSync(fd);
  if (head.readUInt32BE(0) !== 0x7f454c46) return false;
  const [start, size, count] = [Number(head.readBigUInt64LE(32)), head.readUInt16LE(54), head.readUInt16LE(56)];
  const PT_DYNAMIC = 2;
  for (let i = 0; i < count && start + (i + 1) * size <= head.length; i++) if (head.readUInt32LE(start + i * size) === PT_DYNAMIC) return true;
  return false;
}
