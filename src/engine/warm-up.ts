/**
 * The first containers of an engine would be started by code that V8 still interprets, at half its speed: plans are made
 * and thrown away a number of times while nobody asks for anything.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { encodePlan } from '../plan/encode.ts';
import { planExec } from '../runtime/exec-plan.ts';
import { DEFAULT_RUN } from '../runtime/run-options.ts';
import type { Spec } from '../runtime/spec.ts';
import { toJson } from '../runtime/validate.ts';
import { planRun } from './container-run.ts';
import type { EngineParts } from './parts.ts';

/** From then on V8 has compiled it. */
const ROUNDS = 100;
/** Milliseconds: whoever had the engine started comes first, and between two rounds everybody does. */
const FIRST_MS = 400;
const PAUSE_MS = 4;

/** Touches nothing of the machine. Keeps no program alive. `done` settles at the end, or where no plan can be made. */
export function warmUp(parts: EngineParts, { rounds = ROUNDS, firstMs = FIRST_MS } = {}): Disposable & { readonly done: Promise<void> } {
  const stop = new AbortController();
  const all = async () => {
    for (let round = 0; round < rounds; round++) {
      await sleep(round === 0 ? firstMs : PAUSE_MS, undefined, { ref: false, signal: stop.signal });
      await once(parts);
    }
  };
  // whoever starts a container is told why it cannot be
  return { done: all().catch(() => {}), [Symbol.dispose]: () => stop.abort() };
}

async function once(parts: EngineParts): Promise<void> {
  const { plan, spec } = await planRun(parts, { ...DEFAULT_RUN, rootfs: { path: '/', overlay: true }, args: ['true'] });
  encodePlan(plan);
  toJson(spec);
  encodePlan(execOf(parts, spec));
}

function execOf({ machine, cgroups }: EngineParts, { ociVersion, process, linux }: Spec) {
  return planExec({
    pid: 1,
    start: '1',
    container: { id: '', ociVersion, bundle: '/', annotations: undefined },
    namespaces: (linux?.namespaces ?? []).map(({ type }) => type),
    process: process!,
    seccomp: linux?.seccomp,
    machine,
    cgroup: cgroups?.execParts('/kobako/none'),
    stdio: { kind: 'pipes', stdin: false },
    monitor: {
      socket: '/',
      log: undefined,
      exitPath: '/',
      spillDir: '/',
      waitStart: true,
      stdinOnce: true,
      backpressure: true,
      leave: false,
      forwardSignals: false,
    },
  }).plan;
}
