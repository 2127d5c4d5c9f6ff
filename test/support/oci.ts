/** Drives the command line of an OCI runtime: real runc's to test the tests, and ours. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { debs } from './debs.ts';
import { noPeers } from './peers.ts';
import { projectDir } from './paths.ts';
import { busyboxRootfs, copyRootfs } from './rootfs.ts';
import { run } from './run.ts';
import { tempFor } from './temp.ts';

export interface OciProgram {
  readonly name: string;
  readonly ours: boolean;
  /** Major and minor version of real runc, as 1.3. */
  readonly version?: number;
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Why it cannot run here. */
  readonly skip?: string;
}

/** Debian's runc, unpacked and not installed; runc 1.3 of the peers where those are at hand; ours. */
export async function ociPrograms(): Promise<OciProgram[]> {
  return [await debianRunc(), await peersRunc(), { name: 'kobako-runc', ours: true, command: [`${projectDir}/bin/kobako-runc`], env: process.env }];
}

async function debianRunc(): Promise<OciProgram> {
  const base = { name: "Debian's runc", ours: false };
  try {
    const tree = await debs(['runc', 'crun'], { dependencies: true });
    const env = { ...process.env, LD_LIBRARY_PATH: `${tree}/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu` };
    return await tried({ ...base, command: [`${tree}/usr/sbin/runc`], env });
  } catch (error) {
    return { ...base, command: [], env: {}, skip: (error as Error).message };
  }
}

/** Needs a newer C library than this machine may have: it sees the peers' over ours, in a mount namespace of its own. */
async function peersRunc(): Promise<OciProgram> {
  const base = { name: 'runc 1.3', ours: false, env: process.env };
  if (process.env['KOBAKO_VM']) return { ...base, command: [], skip: 'one real runc is enough in the virtual machine' };
  const sid = `${process.env['PEERS'] ?? '/var/tmp/peers'}/sid`;
  const libraries = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  if (!existsSync(`${sid}/usr/sbin/runc`)) return { ...base, command: [], skip: noPeers() ?? 'the peers are not installed' };
  const script = 'mount -t overlay -o "lowerdir=$1$2:$2" overlay "$2"; shift 2; exec "$@"';
  return tried({ ...base, command: ['unshare', '-m', 'sh', '-ec', script, 'sh', sid, libraries, `${sid}/usr/sbin/runc`] });
}

async function tried(program: OciProgram): Promise<OciProgram> {
  const [command, ...args] = program.command;
  const { code, stdout, stderr } = await run(command!, [...args, '--version'], { env: program.env });
  if (code !== 0) return { ...program, skip: `${program.name} does not run here: ${stderr.trim().split('\n')[0]}` };
  return { ...program, version: Number(/runc version (\d+\.\d+)/.exec(stdout)?.[1]) };
}

export interface OciResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface OciCallOptions {
  /** What the runtime gets as fd 3, 4, … */
  readonly fds?: readonly number[];
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Instead of the usual one. */
  readonly program?: OciProgram;
}

/* eslint-disable-next-line typescript/no-explicit-any -- documents that tests bend as they like */
export type Document = any;

let calls = 0;
let ids = 0;

/** One runtime with a `--root`, a bundle and ids of its own; all that it made is deleted after the test. */
export class Oci {
  readonly program: OciProgram;
  readonly folder: string;
  readonly root: string;
  readonly bundle: string;
  readonly #made: string[] = [];

  private constructor(program: OciProgram, folder: string) {
    this.program = program;
    this.folder = folder;
    this.root = `${folder}/root`;
    this.bundle = `${folder}/bundle`;
  }

  static async for(t: { after(hook: () => unknown): void }, program: OciProgram, change?: (config: Document) => void): Promise<Oci> {
    const made: { oci?: Oci } = {};
    t.after(() => made.oci?.clean()); // hooks run in their order: before the folder goes
    const oci = (made.oci = new Oci(program, tempFor(t)));
    mkdirSync(oci.bundle);
    await copyRootfs(await busyboxRootfs(), `${oci.bundle}/rootfs`);
    oci.configure(change);
    return oci;
  }

  /** Writes config.json: a container that waits until it is told TERM, and then ends with 3. */
  configure(change?: (config: Document) => void): void {
    const config = baseConfig();
    change?.(config);
    writeFileSync(`${this.bundle}/config.json`, JSON.stringify(config));
  }

  id(): string {
    const id = `kobako-test-${process.pid}-${ids++}`;
    this.#made.push(id);
    return id;
  }

  /** Runs one command. Its streams are files: what it leaves running does not keep us waiting. */
  call(args: readonly string[], options: OciCallOptions = {}): Promise<OciResult> {
    const out = `${this.folder}/out-${calls++}`;
    const [stdout, stderr] = [openSync(`${out}.stdout`, 'w'), openSync(`${out}.stderr`, 'w')];
    const [command, ...prefix] = (options.program ?? this.program).command;
    const child = spawn(command!, [...prefix, '--root', this.root, ...args], {
      cwd: options.cwd ?? this.bundle,
      env: { ...this.program.env, ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', stdout, stderr, ...(options.fds ?? [])],
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
    const timer = setTimeout(() => child.kill('SIGKILL'), 120_000);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => {
        clearTimeout(timer);
        closeSync(stdout);
        closeSync(stderr);
        resolve({ code: code ?? -1, stdout: readFileSync(`${out}.stdout`, 'utf8'), stderr: readFileSync(`${out}.stderr`, 'utf8') });
      });
    });
  }

  /** As `call`, and throws unless the exit code is 0. Gives the output. */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.call(args);
    if (code !== 0) throw new Error(`${this.program.name} ${args.join(' ')}: exit code ${code}: ${stderr}`);
    return stdout;
  }

  async state(id: string): Promise<Document> {
    return JSON.parse(await this.ok('state', id)) as Document;
  }

  /** Waits for a status. */
  async until(id: string, status: string): Promise<void> {
    for (const end = Date.now() + 60_000; ;) {
      const now = (await this.state(id)).status as string;
      if (now === status) return;
      if (Date.now() > end) throw new Error(`${id} is ${now}, not ${status}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** A running container. */
  async running(): Promise<string> {
    const id = this.id();
    await this.ok('create', id);
    await this.ok('start', id);
    return id;
  }

  async clean(): Promise<void> {
    for (const id of this.#made) await this.call(['delete', '--force', id]);
  }
}

export function cgroupFolders(id: string): string[] {
  return cgroupTops()
    .map((top) => `${top}/cgroup-of-${id}`)
    .filter((folder) => existsSync(folder));
}

/** The roots of the hierarchies. */
export function cgroupTops(): string[] {
  return ['', 'cpu', 'memory', 'pids', 'freezer', 'devices', 'unified', 'systemd', 'cpuset', 'cpuacct', 'blkio', 'hugetlb'].map((name) =>
    `/sys/fs/cgroup/${name}`.replace(/\/$/, ''),
  );
}

const FEW = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];

function baseConfig(): Document {
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: ['sh', '-c', 'trap "exit 3" TERM; while :; do sleep 0.05; done'],
      env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'BASE=1'],
      cwd: '/',
      capabilities: { bounding: FEW, effective: FEW, permitted: FEW },
    },
    root: { path: 'rootfs' },
    hostname: 'box',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
      { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'] },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    ],
    linux: {
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      resources: { devices: [{ allow: false, access: 'rwm' }] },
    },
  };
}

/** The container's cgroup is /cgroup-of-ID in every hierarchy. */
export function inTestCgroup(id: string): (config: Document) => void {
  return (config) => (config.linux.cgroupsPath = `/cgroup-of-${id}`);
}
