/** What builds work with, and what they leave on the disk while they are at work. */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import type { Digest } from '../base/digest.ts';
import { SIGKILL } from '../base/signals.ts';
import type { Turns } from '../base/turns.ts';
import type { BuildCache } from '../build/cache.ts';
import type { CacheGcSettings, LayerRef, Prunable } from '../build/contract.ts';
import type { Flights } from '../build/flights.ts';
import type { StepNote } from '../build/progress.ts';
import { signalProcess } from '../kernel/linux/process.ts';
import type { AccountFiles } from '../runtime/users.ts';
import type { CacheCollector } from './build-collector.ts';
import type { Plans } from './build-plans.ts';
import { endGroupBeside } from './lost.ts';
import type { EngineParts } from './parts.ts';
import { owner, ownerLives, type ProcessId } from './process-id.ts';

export interface KnownAccounts extends AccountFiles {
  /** Links lead to them: who writes there may not name them. */
  readonly byLink: boolean;
}

export interface BuildParts {
  readonly engine: EngineParts;
  readonly cache: BuildCache;
  readonly flights: Flights<StepOutcome, StepNote>;
  /** Below the data root: `work/` (of builds that go on), `steps/` (the cache), `mounts/` (of cache mounts). */
  readonly dir: string;
  /** By the chain of layers. */
  readonly accounts: Map<string, KnownAccounts>;
  readonly plans: Plans;
  /** One at a time: whoever copies holds two of the layer workers. */
  readonly copying: Turns;
  /** Of each build that goes on here: the steps that it has come to. */
  readonly building: Set<ReadonlySet<Digest>>;
  /** Entitlements that no build is granted. */
  readonly forbidden: readonly string[];
  /** What doors keep for builds. */
  readonly kept: (() => readonly Prunable[])[];
  readonly gc: CacheGcSettings;
  readonly collector: CacheCollector;
}

/** What became of a step. */
export interface StepOutcome {
  readonly layer: LayerRef;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly cached: boolean;
}

export interface WorkFolder extends Disposable {
  readonly path: string;
  /** Nothing else here has this name. */
  readonly id: string;
}

/** A folder for something that goes on, gone when disposed of; what a killed process left there the next one sweeps. */
export function workFolder(parts: BuildParts, what: string): WorkFolder {
  const work = lateWorkFolder(parts, what);
  const { id, path } = work;
  return { id, path, [Symbol.dispose]: () => work[Symbol.dispose]() };
}

/** A work folder that is made when its path is first asked for: then there is something to sweep. */
export function lateWorkFolder({ dir }: BuildParts, what: string): WorkFolder {
  const id = `${what}-${randomUUID().replaceAll('-', '').slice(0, 16)}`;
  const path = `${dir}/work/${owner()}-${id}`;
  let made = false;
  return {
    id,
    get path() {
      if (!made) mkdirSync(path, { recursive: true, mode: 0o700 });
      made = true;
      return path;
    },
    [Symbol.dispose]: () => {
      if (made) rmSync(path, { recursive: true, force: true });
    },
  };
}

/** What runs in a work folder, for who sweeps. */
export interface RunNote {
  readonly process: ProcessId;
  readonly monitor: ProcessId;
  readonly cgroupsPath: string;
}

export function noteRun(folder: string, note: RunNote): void {
  writeFileSync(`${folder}/run.json`, JSON.stringify(note), { mode: 0o600 });
}

/** Ends and removes what builds of killed processes have left. */
export function sweepBuilds(engine: EngineParts, dir: string): void {
  const work = `${dir}/work`;
  const killed = (existsSync(work) ? readdirSync(work) : []).filter((name) => !ownerLives(name.split('-')[0]!));
  for (const name of killed) {
    const note = readNote(`${work}/${name}/run.json`);
    if (note !== undefined) {
      signalProcess(note.process.pid, note.process.start, SIGKILL);
      signalProcess(note.monitor.pid, note.monitor.start, SIGKILL);
      endGroupBeside(engine, note.cgroupsPath);
    }
    rmSync(`${work}/${name}`, { recursive: true, force: true });
  }
  // what their steps were writing to, and layers that are not whole
  if (killed.length > 0) engine.images().store.wantCollect();
  for (const folder of MEMORY) {
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const of = /^kobako-secret-([\d.]+)-/.exec(name)?.[1];
      if (of !== undefined && !ownerLives(of)) rmSync(`${folder}/${name}`, { recursive: true, force: true });
    }
  }
}

function readNote(path: string): RunNote | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as RunNote;
  } catch {
    return undefined;
  }
}

const MEMORY = ['/dev/shm', '/run'];
/** statfs(2) */
const TMPFS = 0x01021994;

/** A folder in memory for a secret, gone when disposed of; undefined where this machine has none. */
export function secretFolder(): (Disposable & { readonly path: string }) | undefined {
  const memory = MEMORY.find((folder) => existsSync(folder) && statfsSync(folder).type === TMPFS);
  if (memory === undefined) return undefined;
  const path = `${memory}/kobako-secret-${owner()}-${randomBytes(8).toString('hex')}`;
  mkdirSync(path, { mode: 0o700 });
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
