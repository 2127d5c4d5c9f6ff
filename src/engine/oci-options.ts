/** What a caller can ask of a container or an exec, and what that means for its monitor. */
import type { MonitorSettings } from '../runtime/contract.ts';
import type { Process } from '../runtime/spec.ts';
import type { CallerTerminal } from './oci-terminal.ts';

export interface StartOptions {
  readonly consoleSocket?: string | undefined;
  /** Who listens there is given a pidfd of the process. */
  readonly pidfdSocket?: string | undefined;
  readonly preserveFds?: number | undefined;
  /** The pid, when it is known and before the program runs or while it does. A throw ends the container. */
  readonly onPid?: (pid: number) => void;
}

export interface CreateOptions extends StartOptions {
  readonly bundle: string;
  readonly noPivot?: boolean;
  readonly noNewKeyring?: boolean;
}

/** What a process in the foreground needs; the terminal is asked for only when it is to have one. */
interface ForegroundOptions {
  readonly terminal: () => CallerTerminal;
}

export interface OciRunOptions extends CreateOptions, ForegroundOptions {
  /** Do not delete the container when it has ended. */
  readonly keep: boolean;
}

export interface OciExecOptions extends StartOptions, ForegroundOptions {
  readonly process: Process;
  readonly detach: boolean;
  /** A cgroup below the container's. */
  readonly cgroup?: string | undefined;
  readonly ignorePaused: boolean;
}

export const DETACHED: MonitorSettings = {
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
export const FOREGROUND: MonitorSettings = { ...DETACHED, leave: false, forwardSignals: true };
