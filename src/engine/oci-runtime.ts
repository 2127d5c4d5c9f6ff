/** An OCI runtime: the life of a container from a bundle, with the runtime specification's operations and hooks. */
import { closeSync, constants, existsSync, openSync, readFileSync, realpathSync, rmSync, statSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { EngineError, invalid } from '../base/errors.ts';
import type { CgroupStats } from '../cgroup/contract.ts';
import { PlanFailure, type RunPlanOptions } from '../kernel/contract.ts';
import { LinuxPlanRunner } from '../kernel/linux/helper.ts';
import { runHook } from '../kernel/linux/hooks.ts';
import { machineFacts } from '../kernel/linux/machine.ts';
import { processStart, signalProcess } from '../kernel/linux/process.ts';
import type { Plan } from '../plan/ops.ts';
import { planContainer } from '../runtime/container-plan.ts';
import type { MonitorSettings, Stdio } from '../runtime/contract.ts';
import { planExec } from '../runtime/exec-plan.ts';
import { describeFailure } from '../runtime/failure.ts';
import type { Hook, Process, Resources, Spec } from '../runtime/spec.ts';
import { parseSpec } from '../runtime/validate.ts';
import { openCgroups } from './cgroups.ts';
import { OciState, stateDocument, type OciRecord, type OciStatus } from './oci-state.ts';

export interface CreateOptions {
  readonly bundle: string;
  readonly consoleSocket?: string;
  readonly preserveFds?: number;
  readonly noPivot?: boolean;
}

export interface OciExecOptions {
  readonly process: Process;
  readonly consoleSocket?: string;
  readonly preserveFds?: number;
  readonly detach: boolean;
}

interface Bundle {
  readonly spec: Spec;
  readonly config: string;
  readonly bundle: string;
}

const DETACHED: MonitorSettings = {
  socket: '',
  log: undefined,
  exitPath: '',
  spillDir: '',
  waitStart: false,
  stdinOnce: false,
  backpressure: false,
  leave: true,
  forwardSignals: false,
};
const FOREGROUND: MonitorSettings = { ...DETACHED, leave: false, forwardSignals: true };
const DELETE_WAIT_MS = 10_000;

/** Warnings go to `warn`. Every method throws EngineError in runc's words. */
export class OciRuntime {
  readonly #state: OciState;
  readonly #runner: LinuxPlanRunner;
  readonly #machine = machineFacts();
  readonly #cgroups = openCgroups();
  readonly #systemdCgroup: boolean;
  readonly #warn: (text: string) => void;

  constructor(options: { root: string; helper: string; systemdCgroup: boolean; warn: (text: string) => void }) {
    this.#state = new OciState(options.root);
    this.#runner = new LinuxPlanRunner(options.helper);
    this.#systemdCgroup = options.systemdCgroup;
    this.#warn = options.warn;
  }

  /** Everything but the program itself. Gives the pid. The process waits for `start`. */
  async create(id: string, options: CreateOptions): Promise<number> {
    const bundle = this.#bundle(options.bundle);
    const { spec } = bundle;
    const dir = this.#state.claim(id);
    try {
      const fifo = this.#state.fifo(id);
      const { plan, record } = this.#plan(id, bundle, options, DETACHED, fifo);
      const running = this.#runner.run(plan, this.#fds(options.preserveFds, record, spec));
      const pid = await running.waiting.catch((error: unknown) => this.#explain(plan, error));
      await running.closed;
      this.#state.save({ ...record, pid, pidStart: processStart(pid) ?? '' });
      return pid;
    } catch (error) {
      rmSync(dir, { recursive: true, force: true });
      throw error;
    }
  }

  start(id: string): void {
    const record = this.#state.load(id);
    const status = this.status(record);
    if (status === 'stopped') throw new EngineError('conflict', 'cannot start a container that has stopped');
    if (status !== 'created') throw new EngineError('conflict', 'cannot start an already running container');
    const fifo = this.#state.fifo(id);
    const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    rmSync(fifo, { force: true });
    writeSync(fd, 's');
    closeSync(fd);
    const spec = this.#state.spec(record);
    this.#hooks(spec.hooks?.poststart, 'poststart', stateDocument(record, 'running', spec), record.bundle);
  }

  /** Create and start in one, in the foreground. Gives the exit code. */
  async run(id: string, options: CreateOptions, onPid: (pid: number) => void): Promise<number> {
    const bundle = this.#bundle(options.bundle);
    const { spec } = bundle;
    this.#state.claim(id);
    try {
      const { plan, record } = this.#plan(id, bundle, options, FOREGROUND, undefined);
      const running = this.#runner.run(plan, this.#fds(options.preserveFds, record, spec));
      const pid = await running.started.catch((error: unknown) => this.#explain(plan, error));
      const known = { ...record, pid, pidStart: processStart(pid) ?? '' };
      this.#state.save(known);
      onPid(pid);
      this.#hooks(spec.hooks?.poststart, 'poststart', stateDocument(known, 'running', spec), record.bundle);
      const exit = await running.exited;
      this.#hooks(spec.hooks?.poststop, 'poststop', stateDocument(known, 'stopped', spec), record.bundle);
      return exit.status;
    } finally {
      this.#state.remove(id);
    }
  }

  status(record: OciRecord): OciStatus {
    if (!this.#state.alive(record)) return 'stopped';
    if (existsSync(this.#state.fifo(record.id))) return 'created';
    return this.#cgroups?.driver.frozen(this.#cgroups.files, record.cgroupsPath) ? 'paused' : 'running';
  }

  /** What `state` prints. */
  state(id: string) {
    const record = this.#state.load(id);
    const { annotations, ...rest } = stateDocument(record, this.status(record), this.#state.spec(record));
    return { ...rest, rootfs: record.rootfs, created: record.created, ...(annotations === undefined ? {} : { annotations }), owner: record.owner };
  }

  list() {
    return this.#state.all().map((record) => this.state(record.id));
  }

  kill(id: string, signal: number, all: boolean): void {
    const record = this.#state.load(id);
    if (all) {
      for (const pid of this.pids(id)) signalProcess(pid, processStart(pid) ?? '', signal);
      return;
    }
    if (!signalProcess(record.pid, record.pidStart, signal)) throw new EngineError('conflict', 'container not running');
    // what is frozen gets its signal when it runs again; SIGKILL is not to wait for that
    if (signal === 9 && this.status(record) === 'paused') void this.#cgroups?.driver.freeze(this.#cgroups.files, record.cgroupsPath, false);
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
    if (status === 'paused') await this.#cgroups?.driver.freeze(this.#cgroups.files, record.cgroupsPath, false);
    if (status !== 'stopped') signalProcess(record.pid, record.pidStart, 9);
    const cgroups = this.#cgroups;
    for (const end = Date.now() + DELETE_WAIT_MS; ;) {
      const left = cgroups?.driver.processes(cgroups.files, record.cgroupsPath) ?? [];
      if (left.length === 0 && !this.#state.alive(record)) break;
      if (Date.now() > end) throw new EngineError('unavailable', `container ${id} cannot be killed`);
      if (left.length > 0) cgroups?.driver.kill(cgroups.files, record.cgroupsPath);
      await new Promise((done) => setTimeout(done, 2));
    }
    for (let tries = 0; cgroups !== undefined && tries < 500; tries++) {
      cgroups.driver.remove(cgroups.files, record.cgroupsPath);
      if (!cgroups.driver.hierarchies.some((hierarchy) => existsSync(cgroups.driver.folder(hierarchy, record.cgroupsPath)))) break;
      await new Promise((done) => setTimeout(done, 2));
    }
    const spec = this.#state.spec(record);
    this.#hooks(spec.hooks?.poststop, 'poststop', stateDocument(record, 'stopped', spec), record.bundle);
    this.#state.remove(id);
  }

  /** Gives the pid at once when detached, else the exit code. */
  async exec(id: string, options: OciExecOptions, onPid: (pid: number) => void): Promise<number> {
    const record = this.#state.load(id);
    const status = this.status(record);
    if (status === 'stopped') throw new EngineError('conflict', 'cannot exec in a stopped container');
    if (status === 'paused') throw new EngineError('conflict', 'cannot exec in a paused container (use --ignore-paused to override)');
    const spec = this.#state.spec(record);
    const { plan, warnings } = planExec({
      pid: record.pid,
      start: record.pidStart,
      namespaces: (spec.linux?.namespaces ?? []).map(({ type }) => type),
      process: options.process,
      seccomp: spec.linux?.seccomp,
      machine: this.#machine,
      cgroup: this.#cgroups?.execParts(record.cgroupsPath, undefined, record.pid),
      stdio: stdioOf(options.process, options.consoleSocket),
      monitor: options.detach ? DETACHED : FOREGROUND,
      preserveFds: options.preserveFds,
    });
    warnings.forEach(this.#warn);
    const running = this.#runner.run(plan, this.#fds(options.preserveFds, record, spec));
    const pid = await running.started.catch((error: unknown) => this.#explain(plan, error));
    onPid(pid);
    if (!options.detach) return (await running.exited).status;
    await running.closed;
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
    if (this.status(record) === 'stopped') throw new EngineError('conflict', 'container not running');
    return this.#cgroups?.driver.stats(this.#cgroups.files, record.cgroupsPath);
  }

  #bundle(bundle: string): Bundle {
    const folder = resolve(bundle);
    let config: string;
    try {
      config = readFileSync(`${folder}/config.json`, 'utf8');
    } catch (error) {
      throw invalid(`JSON specification file config.json not found in ${folder}: ${(error as Error).message}`);
    }
    return { spec: parseSpec(config), config, bundle: folder };
  }

  #plan(id: string, given: Bundle, options: CreateOptions, monitor: MonitorSettings, startFifo: string | undefined) {
    const { spec, config, bundle } = given;
    const rootfs = resolve(bundle, spec.root!.path);
    if (!existsSync(rootfs)) throw new EngineError('not-found', `root file system ${rootfs}: no such file or directory`);
    if (!statSync(rootfs).isDirectory()) throw invalid(`root file system ${rootfs}: not a directory`);
    const cgroupsPath = this.#cgroupsPath(id, spec.linux?.cgroupsPath);
    const control = this.#cgroups?.containerParts(cgroupsPath, spec.linux?.resources ?? {}, true);
    const planned = planContainer({
      id,
      spec,
      root: { kind: 'dir', path: realpathSync(rootfs) },
      machine: this.#machine,
      cgroup: control?.parts,
      stdio: stdioOf(spec.process, options.consoleSocket),
      monitor,
      bundle,
      startFifo,
      preserveFds: options.preserveFds,
      noPivot: options.noPivot,
    });
    [...(control?.warnings ?? []), ...planned.warnings].forEach(this.#warn);
    const record: OciRecord = { id, bundle, rootfs, created: new Date().toISOString(), owner: '', cgroupsPath, config, pid: 0, pidStart: '' };
    return { plan: planned.plan, record };
  }

  #cgroupsPath(id: string, given: string | undefined): string {
    const slice = /^([^/:]*):([^/:]*):([^/:]+)$/.exec(given ?? '');
    if (this.#systemdCgroup && slice !== null) return `/${slice[1] || 'system.slice'}/${slice[2] ? `${slice[2]}-` : ''}${slice[3]}.scope`;
    return given === undefined || given === '' ? `/${id}` : given.startsWith('/') ? given : `/${given}`;
  }

  #fds(preserve: number | undefined, record: OciRecord, spec: Spec): RunPlanOptions {
    const extraFds = Array.from({ length: preserve ?? 0 }, (_, index) => 3 + index);
    const onSync = async (_name: string, pid: number) => {
      const state = JSON.stringify({ ...stateDocument(record, 'creating', spec), pid });
      for (const name of ['prestart', 'createRuntime'] as const) {
        for (const hook of spec.hooks?.[name] ?? []) runHook(name, hook, state, record.bundle);
      }
    };
    return { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit', extraFds, onSync };
  }

  /** poststart and poststop: a failure is told and changes nothing. */
  #hooks(hooks: readonly Hook[] | undefined, name: string, state: object, cwd: string): void {
    for (const hook of hooks ?? []) {
      try {
        runHook(name, hook, JSON.stringify(state), existsSync(cwd) ? cwd : '/');
      } catch (error) {
        this.#warn((error as Error).message);
      }
    }
  }

  #explain(plan: Plan, error: unknown): never {
    throw error instanceof PlanFailure ? describeFailure(plan, error) : error;
  }
}

function stdioOf(process: Process | undefined, consoleSocket: string | undefined): Stdio {
  if (!process?.terminal) {
    if (consoleSocket) throw invalid('cannot use console socket if runc will not detach or allocate tty');
    return { kind: 'inherit' };
  }
  if (!consoleSocket) throw invalid('cannot allocate tty if runc will detach without setting console socket');
  const { height = 0, width = 0 } = process.consoleSize ?? {};
  return { kind: 'console-socket', path: consoleSocket, rows: height, cols: width };
}
