/** An OCI runtime: the life of a container from a bundle, with the runtime specification's operations and hooks. */
import { SIGKILL } from '../base/signals.ts';
import { closeSync, constants, openSync, realpathSync, unlinkSync, writeSync } from 'node:fs';
import { EngineError, invalid } from '../base/errors.ts';
import type { CgroupStats } from '../cgroup/contract.ts';
import { PlanFailure, type RunningPlan, type RunPlanOptions } from '../kernel/contract.ts';
import { LinuxPlanRunner } from '../kernel/linux/helper.ts';
import { machineFacts } from '../kernel/linux/machine.ts';
import { processStart, signalProcess } from '../kernel/linux/process.ts';
import type { Plan } from '../plan/ops.ts';
import { planContainer } from '../runtime/container-plan.ts';
import type { MonitorSettings, Stdio } from '../runtime/contract.ts';
import { planExec } from '../runtime/exec-plan.ts';
import { explainPlan } from '../runtime/explain.ts';
import { describeFailure } from '../runtime/failure.ts';
import type { Process, Resources, Spec } from '../runtime/spec.ts';
import { openCgroups } from './cgroups.ts';
import { cgroupsPathOf, preservedFds, readBundle, stdioOf, type Bundle, type PreservedFds } from './oci-bundle.ts';
import { runCreateHooks, runLateHooks } from './oci-hooks.ts';
import { destroy } from './oci-destroy.ts';
import { DETACHED, FOREGROUND, type CreateOptions, type OciExecOptions, type OciRunOptions, type StartOptions } from './oci-options.ts';
import { planPidfd } from './oci-pidfd.ts';
import { OciState, stateDocument, type OciRecord, type OciStatus } from './oci-state.ts';
import { ForegroundTerminal } from './oci-terminal.ts';

/** Warnings go to `warn`, plans to `debug`. Every method throws EngineError in runc's words. */
export class OciRuntime {
  readonly #state: OciState;
  readonly #runner: LinuxPlanRunner;
  readonly #machine = machineFacts();
  readonly #cgroups = openCgroups();
  readonly #systemdCgroup: boolean;
  readonly #warn: (text: string) => void;
  readonly #debug: ((text: string) => void) | undefined;

  constructor(options: { root: string; helper: string; systemdCgroup: boolean; warn: (text: string) => void; debug?: (text: string) => void }) {
    this.#state = new OciState(options.root);
    this.#runner = new LinuxPlanRunner(options.helper);
    this.#systemdCgroup = options.systemdCgroup;
    this.#warn = options.warn;
    this.#debug = options.debug;
  }

  /** Everything but the program itself. The process waits for `start`. */
  async create(id: string, options: CreateOptions): Promise<void> {
    const bundle = readBundle(options.bundle);
    const stdio = stdioOf(bundle.spec.process, options.consoleSocket, true);
    const fds = preservedFds(options.preserveFds);
    const record = this.#claim(id, bundle, options);
    try {
      const plan = this.#plan(record, bundle, fds, { stdio, monitor: DETACHED, startFifo: this.#state.fifo(id), noPivot: options.noPivot });
      const running = this.#runner.run(plan, this.#fds(fds, record, bundle.spec));
      const pid = await running.waiting.catch((error: unknown) => this.#explain(plan, error));
      await running.closed;
      this.#state.save({ ...record, pid, pidStart: processStart(pid) ?? '' });
      await this.#known(pid, options);
    } catch (error) {
      await this.#giveUp(record, bundle.spec);
      throw error;
    }
  }

  start(id: string): void {
    const record = this.#state.load(id);
    const status = this.status(record);
    if (status === 'stopped') throw new EngineError('conflict', 'cannot start a container that has stopped');
    if (status === 'running') throw new EngineError('conflict', 'cannot start an already running container');
    if (status !== 'created') throw new EngineError('conflict', `cannot start a container in the ${status} state`);
    const fifo = this.#state.fifo(id);
    try {
      const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
      writeSync(fd, 's');
      closeSync(fd);
      unlinkSync(fifo); // of two at once, the one that removes it has started it
    } catch (error) {
      throw new EngineError('conflict', 'cannot start an already running container', { cause: error });
    }
    const spec = this.#state.spec(record);
    runLateHooks('poststart', record, spec, this.#warn);
  }

  /** Create and start in one, in the foreground. Gives the exit code. */
  async run(id: string, options: OciRunOptions): Promise<number> {
    const bundle = readBundle(options.bundle);
    const { spec } = bundle;
    const inherited = spec.process?.terminal && options.consoleSocket === undefined ? undefined : stdioOf(spec.process, options.consoleSocket, false);
    const caller = inherited === undefined ? options.terminal() : undefined;
    const fds = preservedFds(options.preserveFds);
    const record = this.#claim(id, bundle, options);
    let known = record;
    try {
      const terminal = caller && new ForegroundTerminal(this.#state.dir(id), spec.process!, caller, FOREGROUND);
      const plan = this.#plan(record, bundle, fds, {
        stdio: terminal?.stdio ?? inherited!,
        monitor: terminal?.monitor ?? FOREGROUND,
        noPivot: options.noPivot,
      });
      const exit = await this.#foreground(plan, this.#fds(fds, record, spec), terminal, async (pid) => {
        known = { ...record, pid, pidStart: processStart(pid) ?? '' };
        this.#state.save(known);
        await this.#known(pid, options);
        runLateHooks('poststart', known, spec, this.#warn);
      });
      if (!options.keep) this.#forget(known, spec);
      return exit;
    } catch (error) {
      await this.#giveUp(known, spec);
      throw error;
    }
  }

  status(record: OciRecord): OciStatus {
    if (record.pid === 0 && processStart(record.maker) === record.makerStart) return 'creating';
    if (!this.#state.alive(record)) return 'stopped';
    if (this.#cgroups?.driver.frozen(this.#cgroups.files, record.cgroupsPath)) return 'paused';
    return this.#state.waits(record.id) ? 'created' : 'running';
  }

  /** What `state` prints. */
  state(id: string) {
    const record = this.#state.load(id);
    const { annotations, ...rest } = stateDocument(record, this.status(record), this.#state.spec(record));
    return { ...rest, rootfs: record.rootfs, created: record.created, ...(annotations === undefined ? {} : { annotations }), owner: record.owner };
  }

  list() {
    return this.#state.all().map((record) => ({ ...this.state(record.id), owner: this.#state.owner(record.id) }));
  }

  /** Says whether it is there, by throwing when it is not. */
  find(id: string): OciStatus {
    return this.status(this.#state.load(id));
  }

  kill(id: string, signal: number, all: boolean): void {
    const record = this.#state.load(id);
    if (all) {
      for (const pid of this.pids(id)) signalProcess(pid, processStart(pid) ?? '', signal);
      return;
    }
    if (!this.#state.alive(record) || !signalProcess(record.pid, record.pidStart, signal)) throw new EngineError('conflict', 'container not running');
    // what is frozen gets its signal when it runs again; SIGKILL is not to wait for that
    if (signal === SIGKILL && this.status(record) === 'paused') void this.#cgroups?.driver.freeze(this.#cgroups.files, record.cgroupsPath, false);
  }

  /** Removes what is left of a stopped one. A created one is killed; a running one only with `force`. */
  async delete(id: string, force: boolean): Promise<void> {
    let record: OciRecord;
    try {
      record = this.#state.load(id);
    } catch (error) {
      if (force && error instanceof EngineError && error.kind === 'not-found') return this.#state.remove(id);
      throw error;
    }
    const status = this.status(record);
    if (status !== 'stopped' && status !== 'created' && !force) {
      throw new EngineError('conflict', `cannot delete container ${id} that is not stopped: ${status}`);
    }
    await destroy(record, this.#state, this.#cgroups);
    this.#forget(record, this.#state.spec(record));
  }

  /** Gives the exit code; 0 at once when detached. */
  async exec(id: string, options: OciExecOptions): Promise<number> {
    const record = this.#state.load(id);
    const status = this.status(record);
    if (status === 'stopped' || status === 'creating') throw new EngineError('conflict', `cannot exec in a ${status} container`);
    if (status === 'paused' && !options.ignorePaused) throw new EngineError('conflict', 'cannot exec in a paused container (use --ignore-paused to override)');
    const { process, detach } = options;
    const fds = preservedFds(options.preserveFds);
    const own = process.terminal && options.consoleSocket === undefined && !detach;
    const terminal = own ? new ForegroundTerminal(this.#state.dir(id), process, options.terminal(), FOREGROUND) : undefined;
    const spec = this.#state.spec(record);
    const { plan, warnings } = planExec({
      pid: record.pid,
      start: record.pidStart,
      container: { id, ociVersion: spec.ociVersion, bundle: record.bundle, annotations: spec.annotations },
      newKeyring: record.noNewKeyring !== true,
      namespaces: (spec.linux?.namespaces ?? []).map(({ type }) => type),
      process: { ...process, env: [...(process.env ?? []), ...fds.env] },
      seccomp: spec.linux?.seccomp,
      machine: this.#machine,
      cgroup: this.#cgroups?.execParts(record.cgroupsPath, options.cgroup, record.pid),
      stdio: terminal?.stdio ?? stdioOf(process, options.consoleSocket, detach),
      monitor: detach ? DETACHED : (terminal?.monitor ?? FOREGROUND),
      preserveFds: fds.count,
    });
    warnings.forEach(this.#warn);
    this.#debug?.(explainPlan(plan));
    const streams = this.#fds(fds, record, spec);
    if (!detach) return this.#foreground(plan, streams, terminal, (pid) => this.#known(pid, options));
    const running = this.#runner.run(plan, streams);
    const pid = await running.started.catch((error: unknown) => this.#explain(plan, error));
    await running.closed;
    const start = processStart(pid) ?? '';
    try {
      await this.#known(pid, options);
    } catch (error) {
      signalProcess(pid, start, SIGKILL);
      throw error;
    }
    return 0;
  }

  /** The process document of the container, for exec to begin with. */
  process(id: string): Process {
    const { process } = this.#state.spec(this.#state.load(id));
    if (process === undefined) throw invalid('the container has no process in its config.json');
    return process;
  }

  rootOf(id: string): string {
    return `/proc/${this.#state.load(id).pid}/root`;
  }

  pids(id: string): readonly number[] {
    const record = this.#state.load(id);
    return this.#cgroups?.driver.processes(this.#cgroups.files, record.cgroupsPath) ?? [record.pid];
  }

  async freeze(id: string, frozen: boolean): Promise<void> {
    const record = this.#state.load(id);
    const status = this.status(record);
    if (frozen && status !== 'running' && status !== 'created') throw new EngineError('conflict', 'container not running');
    if (!frozen && status !== 'paused') throw new EngineError('conflict', 'container not paused');
    await this.#cgroups?.driver.freeze(this.#cgroups.files, record.cgroupsPath, frozen);
  }

  update(id: string, resources: Resources): void {
    const record = this.#state.load(id);
    if (this.status(record) === 'stopped') throw new EngineError('conflict', 'container not running');
    this.#cgroups?.driver.update(this.#cgroups.files, record.cgroupsPath, resources).forEach(this.#warn);
  }

  stats(id: string): CgroupStats | undefined {
    const record = this.#state.load(id);
    if (this.status(record) === 'stopped') throw new EngineError('conflict', `container with id ${id} is not running`);
    return this.#cgroups?.driver.stats(this.#cgroups.files, record.cgroupsPath);
  }

  /** The id is ours from here on, and what it will leave can be found even if this process is killed. */
  #claim(id: string, { spec, config, bundle, rootfs }: Bundle, { noNewKeyring }: CreateOptions): OciRecord {
    this.#state.dir(id);
    const cgroupsPath = cgroupsPathOf(id, spec.linux?.cgroupsPath, this.#systemdCgroup);
    if (this.#systemdCgroup) this.#warn(`systemd is not asked for a scope: the cgroup ${cgroupsPath} is made without it`);
    const record: OciRecord = {
      id,
      bundle,
      rootfs,
      created: new Date().toISOString(),
      owner: '',
      cgroupsPath,
      config,
      pid: 0,
      pidStart: '',
      maker: process.pid,
      makerStart: processStart(process.pid) ?? '',
      ...(noNewKeyring === true ? { noNewKeyring } : {}),
    };
    this.#state.claim(id);
    try {
      // whoever is in there already would be killed with the container
      const inside = this.#cgroups?.driver.processes(this.#cgroups.files, cgroupsPath).length ?? 0;
      if (inside > 0) throw new EngineError('conflict', `container's cgroup is not empty: ${inside} process(es) found in ${cgroupsPath}`);
      this.#state.save(record);
    } catch (error) {
      this.#state.remove(id);
      throw error;
    }
    return record;
  }

  #plan(
    record: OciRecord,
    { spec, bundle, rootfs }: Bundle,
    fds: PreservedFds,
    rest: { stdio: Stdio; monitor: MonitorSettings; startFifo?: string; noPivot?: boolean | undefined },
  ): Plan {
    const control = this.#cgroups?.containerParts(record.cgroupsPath, spec.linux?.resources ?? {}, true);
    const process = spec.process && { ...spec.process, env: [...(spec.process.env ?? []), ...fds.env] };
    const { plan, warnings } = planContainer({
      id: record.id,
      spec: process === undefined ? spec : { ...spec, process },
      root: { kind: 'dir', path: realpathSync(rootfs) },
      machine: this.#machine,
      cgroup: control?.parts,
      bundle,
      preserveFds: fds.count,
      stdio: rest.stdio,
      monitor: rest.monitor,
      ...(rest.startFifo === undefined ? {} : { startFifo: rest.startFifo }),
      noPivot: rest.noPivot === true,
      newKeyring: record.noNewKeyring !== true,
    });
    [...(control?.warnings ?? []), ...warnings].forEach(this.#warn);
    this.#debug?.(explainPlan(plan));
    return plan;
  }

  #fds({ count }: PreservedFds, record: OciRecord, spec: Spec): RunPlanOptions {
    const extraFds = Array.from({ length: count }, (_, index) => 3 + index);
    const onSync = async (_name: string, pid: number) => runCreateHooks(record, spec, pid);
    return { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit', extraFds, onSync };
  }

  async #foreground(plan: Plan, streams: RunPlanOptions, terminal: ForegroundTerminal | undefined, onPid: (pid: number) => Promise<void>): Promise<number> {
    const running: RunningPlan = this.#runner.run(plan, streams);
    try {
      await terminal?.start(running);
      const pid = await running.started;
      const start = processStart(pid) ?? '';
      try {
        await onPid(pid);
      } catch (error) {
        signalProcess(pid, start, SIGKILL);
        await running.exited;
        throw error;
      }
      return (await running.exited).status;
    } catch (error) {
      running.abort();
      await running.closed;
      return this.#explain(plan, error);
    } finally {
      await terminal?.finish();
    }
  }

  /** Tells whoever asked: the caller, then whoever listens for a pidfd. */
  async #known(pid: number, options: StartOptions): Promise<void> {
    options.onPid?.(pid);
    if (options.pidfdSocket === undefined) return;
    const plan = planPidfd(pid, options.pidfdSocket);
    await this.#runner.run(plan, {}).exited.catch((error: unknown) => this.#explain(plan, error));
  }

  /** A container that could not be made or started: nothing is left of it, and its own error is the one to tell. */
  async #giveUp(record: OciRecord, spec: Spec): Promise<void> {
    try {
      await destroy(record, this.#state, this.#cgroups);
      this.#forget(record, spec);
    } catch (error) {
      this.#warn(`what is left of ${record.id} needs delete --force: ${(error as Error).message}`);
    }
  }

  #forget(record: OciRecord, spec: Spec): void {
    runLateHooks('poststop', record, spec, this.#warn);
    this.#state.remove(record.id);
  }

  #explain(plan: Plan, error: unknown): never {
    throw error instanceof PlanFailure ? describeFailure(plan, error) : error;
  }
}
