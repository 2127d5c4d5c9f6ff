/** Ground for crash tests: a state folder, cgroups and helpers of their own, so that what is left can be told from others'. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, globSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { DEFAULT_RUN, type ContainerExit, type LocalEngine, type RunOptions } from '../../src/engine/contract.ts';
import { findHelper, openEngine } from '../../src/engine/open-engine.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { tempFor } from '../support/temp.ts';

/** How a container ends whose monitor was killed. */
export const LOST = { status: 137, signal: 9, oomKilled: false, error: 'its monitor was killed' };
export const pick = ({ status, signal, oomKilled, error }: ContainerExit) => ({ status, signal, oomKilled, error });

let grounds = 0;

export class Ground {
  readonly state: string;
  readonly helper: string;
  readonly parent: string;
  readonly #root: string;

  private constructor(folder: string, root: string) {
    this.state = `${folder}/state`;
    this.helper = `${folder}/kobako-helper`;
    this.parent = `/kobako-crash-${process.pid}-${grounds++}`;
    this.#root = root;
  }

  static async of(t: TestContext): Promise<Ground> {
    const root = await busyboxRootfs();
    // before tempFor's: hooks run in the order in which they were added
    t.after(() => end());
    const folder = tempFor(t);
    const ground = new Ground(folder, root);
    copyFileSync(findHelper(), ground.helper);
    const end = async () => {
      const engine = ground.open();
      for (const { id } of await engine.list()) await engine.remove(id, { force: true });
      engine.close();
      // the kernel lets go of the last child a moment later
      for (const parent of globSync(`/sys/fs/cgroup{,/*}${ground.parent}`)) await until(`${parent} can be removed`, () => removed(parent));
    };
    return ground;
  }

  /** A further engine on the same state. */
  open(): LocalEngine {
    return openEngine({ stateDir: this.state, helper: this.helper });
  }

  options(args: readonly string[], more: Partial<RunOptions> = {}): RunOptions {
    return { ...DEFAULT_RUN, rootfs: { path: this.#root, overlay: true }, args, detach: true, cgroupParent: this.parent, ...more };
  }

  record(id: string): { monitor: { pid: number }; process: { pid: number }; maker: { pid: number } } {
    return JSON.parse(readFileSync(`${this.state}/containers/${id}/container.json`, 'utf8')) as ReturnType<Ground['record']>;
  }

  /** Processes that this ground's helpers are or have started; `starters`: pids whose sealed copies count too. */
  helpers(starters: readonly number[] = [process.pid]): number[] {
    const ours = [this.helper, ...starters.map((pid) => `/proc/${pid}/fd/`)];
    return pids().filter((pid) => ours.some((path) => commandOf(pid).startsWith(path)) && alive(pid));
  }

  /** What there is of containers, each as "kind: thing". */
  remains(): string[] {
    const found: string[] = [];
    for (const name of ['containers', 'sockets', 'names'])
      if (existsSync(`${this.state}/${name}`)) found.push(...readdirSync(`${this.state}/${name}`).map((entry) => `${name}: ${entry}`));
    found.push(...globSync(`/sys/fs/cgroup{,/*}${this.parent}/*/`).map((path) => `cgroup: ${path}`));
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    found.push(...mounts.filter((line) => line.includes(this.state)).map((line) => `mount: ${line}`));
    return found;
  }
}

export function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export const commandOf = (pid: number) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();

/** False for a zombie too. */
export const alive = (pid: number) => /^State:\s+[^ZX]/m.test(read(`/proc/${pid}/status`));

export const childrenOf = (pid: number) => globSync(`/proc/${pid}/task/*/children`).flatMap((path) => read(path).split(' ').filter(Boolean).map(Number));

/** The monitors, and those on their way to be one, that a program has started: its own children, and those of its helper that serves. */
export const monitorsOf = (pid: number) => childrenOf(pid).flatMap((child) => (/ serve /.test(commandOf(child)) ? childrenOf(child) : [child]));

/** SIGKILL; false when it had gone already. */
export function kill9(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** Removes a cgroup that is empty; false as long as it is not. */
export function removed(folder: string): boolean {
  try {
    rmdirSync(folder);
  } catch {
    // not yet
  }
  return !existsSync(folder);
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export async function until(what: string, check: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) if (await check()) return;
  assert.fail(`not within ${seconds} s: ${what}`);
}
