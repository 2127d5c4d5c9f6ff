/** Health checks: a command that is run in a container again and again. */
import { invalid } from '../base/errors.ts';
import { shellOf } from '../base/shell-of.ts';
import { nowNano, rfc3339Nano } from '../base/time.ts';
import { emitContainer } from './container-events.ts';
import type { ContainerRecord } from './container-record.ts';
import { runProbe } from './health-probe.ts';
import type { EngineParts } from './parts.ts';
import type { Health } from './types/container-answers.ts';
import type { ContainerConfig, HealthConfig } from './types/container.ts';

/** Docker's defaults, in milliseconds. */
const DEFAULTS = { Interval: 30_000, Timeout: 30_000, StartPeriod: 0, StartInterval: 5000 };
const RETRIES = 3;
const KEPT_RESULTS = 5;
const NS_PER_MS = 1_000_000;
/** The longest that a timer takes. */
const LONGEST_MS = 2 ** 31 - 1;

interface Check {
  readonly args: readonly string[];
  readonly retries: number;
  readonly ms: (name: keyof typeof DEFAULTS) => number;
}

const monitors = new WeakMap<EngineParts, Map<string, Monitor>>();

/** Its program runs, and is `starting` as far as its health goes. A paused one waits for `healthResumes`. */
export function healthBegins(parts: EngineParts, record: ContainerRecord): void {
  const check = checkOf(record.config);
  if (check === undefined) return;
  const health: Health = { Status: 'starting', FailingStreak: 0, Log: record.health?.Log ?? [] };
  const now = parts.store.note(record.id, { health });
  if (now === undefined) return;
  // a short program may have ended by now
  if (parts.store.info(now).state !== 'running') healthEnds(parts, record.id);
  else if (!now.paused) monitor(parts, now, check);
}

/** It goes on after a pause, with the health that it had. */
export function healthResumes(parts: EngineParts, record: ContainerRecord): void {
  const check = checkOf(record.config);
  if (check !== undefined) monitor(parts, record, check);
}

/** No more probes: it has ended, or is paused. As in Docker it counts as unhealthy from then on. */
export function healthEnds(parts: EngineParts, id: string): void {
  stop(parts, id);
  const record = parts.store.load(id);
  // a paused one has a probe, perhaps, that ends when it goes on
  if (!record?.paused) monitors.get(parts)?.delete(id);
  if (record?.health !== undefined && record.health.Status !== 'unhealthy') {
    parts.store.note(id, { health: { ...record.health, Status: 'unhealthy' } });
  }
}

/** The engine closes: what runs goes on, its health is not looked at any more. */
export function healthStops(parts: EngineParts): void {
  for (const id of monitors.get(parts)?.keys() ?? []) stop(parts, id);
}

/** Undefined for a container without a health check, or one that never ran. */
export function healthOf(_parts: EngineParts, { health }: ContainerRecord): Health | undefined {
  return health;
}

/** Throws `invalid` in Docker's words. */
export function checkHealthConfig(health: HealthConfig | undefined): void {
  if (health === undefined) return;
  for (const name of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const value = health[name] ?? 0;
    if (value !== 0 && value < NS_PER_MS) throw invalid(`${name} in Healthcheck cannot be less than 1ms`);
  }
  if ((health.Retries ?? 0) < 0) throw invalid('Retries in Healthcheck cannot be negative');
}

function checkOf({ Healthcheck: health, Shell }: ContainerConfig): Check | undefined {
  const [kind, ...rest] = health?.Test ?? [];
  if (health === undefined || (kind !== 'CMD' && kind !== 'CMD-SHELL')) return undefined;
  return {
    args: kind === 'CMD' ? rest : [...shellOf(Shell), ...rest],
    retries: health.Retries || RETRIES,
    ms: (name) => Math.min(LONGEST_MS, health[name] ? health[name]! / NS_PER_MS : DEFAULTS[name]),
  };
}

function monitor(parts: EngineParts, { id }: ContainerRecord, check: Check): void {
  const all = monitors.get(parts) ?? new Map<string, Monitor>();
  monitors.set(parts, all);
  const before = all.get(id);
  before?.stop();
  all.set(id, new Monitor(parts, id, check, before?.idle));
}

function stop(parts: EngineParts, id: string): void {
  monitors.get(parts)?.get(id)?.stop();
}

/** Probes of one container, never two at a time, until it is stopped. */
class Monitor {
  readonly #parts: EngineParts;
  readonly #id: string;
  readonly #check: Check;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  /** Settles when no probe runs. */
  idle: Promise<void>;

  /** `after`: until then a probe of another monitor of this container may run. */
  constructor(parts: EngineParts, id: string, check: Check, after: Promise<void> = Promise.resolve()) {
    this.#parts = parts;
    this.#id = id;
    this.#check = check;
    this.idle = after;
    this.#schedule();
  }

  stop(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    const record = this.#parts.store.load(this.#id);
    if (this.#stop.signal.aborted || record === undefined) return;
    const { ms } = this.#check;
    const early = record.health?.Status === 'starting' && inStartPeriod(record, this.#check, Date.now());
    this.#timer = setTimeout(() => (this.idle = this.idle.then(() => this.#probe())), ms(early ? 'StartInterval' : 'Interval')).unref();
  }

  async #probe(): Promise<void> {
    const { store } = this.#parts;
    const record = store.load(this.#id);
    const { signal } = this.#stop;
    if (signal.aborted || record === undefined || store.info(record).state !== 'running') return;
    const Start = rfc3339Nano(nowNano());
    const { exitCode, output } = await runProbe(this.#parts, record, { args: this.#check.args, timeoutMs: this.#check.ms('Timeout'), signal });
    // one that was cut off by the container's end or by a pause says nothing
    if (signal.aborted) return;
    this.#result({ Start, End: rfc3339Nano(nowNano()), ExitCode: exitCode, Output: output });
    this.#schedule();
  }

  #result(result: NonNullable<Health['Log']>[number]): void {
    const record = this.#parts.store.load(this.#id);
    const before = record?.health;
    if (record === undefined || before === undefined) return;
    const Log = [...(before.Log ?? []), result].slice(-KEPT_RESULTS);
    const health = { ...judged(before, result.ExitCode, inStartPeriod(record, this.#check, Date.parse(result.Start)), this.#check.retries), Log };
    const now = this.#parts.store.note(this.#id, { health });
    if (now !== undefined && health.Status !== before.Status) emitContainer(this.#parts, now, `health_status: ${health.Status}`);
  }
}

function inStartPeriod({ startedAt }: ContainerRecord, { ms }: Check, at: number): boolean {
  return startedAt !== undefined && at - Date.parse(startedAt) < ms('StartPeriod');
}

/** What one more result makes of a container's health. Failures while it starts do not count within the start period. */
function judged({ Status, FailingStreak }: Health, exitCode: number, starts: boolean, retries: number): Pick<Health, 'Status' | 'FailingStreak'> {
  if (exitCode === 0) return { Status: 'healthy', FailingStreak: 0 };
  if (Status === 'starting' && starts) return { Status, FailingStreak };
  const streak = FailingStreak + 1;
  return { Status: streak >= retries ? 'unhealthy' : Status, FailingStreak: streak };
}
