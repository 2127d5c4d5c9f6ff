/** A kernel port that records instead of acting: for tests of everything above it. */
import type { Plan } from '../plan/ops.ts';
import type { BegunPlan, ExitRecord, PlanRunner, RunningPlan, RunPlanOptions } from './contract.ts';

/** Records every plan, and ends each as told. */
export class RecordingPlanRunner implements PlanRunner {
  readonly plans: Plan[] = [];
  readonly commands: string[] = [];
  readonly #exit: Partial<ExitRecord>;
  readonly #lost: Error | undefined;
  #pid = 1000;

  /** With `lost` a plan never ends by itself: its monitor is killed, some time after it has started. */
  constructor(exit: Partial<ExitRecord> = {}, lost?: Error) {
    this.#exit = exit;
    this.#lost = lost;
  }

  close(): void {}

  begin(first: Plan): BegunPlan {
    this.plans.push(first);
    return { goOn: (plan) => this.run(plan), giveUp: async () => {} };
  }

  run(plan: Plan, _options: RunPlanOptions = {}): RunningPlan {
    this.plans.push(plan);
    const pid = this.#pid++;
    const record: ExitRecord = { pid, status: 0, signal: 0, startedAt: '0', exitedAt: '0', reports: {}, ...this.#exit };
    return {
      pid,
      cloned: Promise.resolve(pid),
      waiting: Promise.resolve(pid),
      started: Promise.resolve(pid),
      exited: this.#lost === undefined ? Promise.resolve(record) : new Promise((_, reject) => setImmediate(() => reject(this.#lost!))),
      clean: Promise.resolve(true),
      closed: Promise.resolve(),
      send: (command) => void this.commands.push(command),
      abort: () => {},
      unref: () => {},
      ref: () => {},
    };
  }
}
