/** The monitor's side of a process's standard streams: the same for a container's first process and for an exec. */
import { O } from '../kernel/constants.ts';
import { MONITOR } from '../plan/ops.ts';
import type { PlanBuilder } from './builder.ts';
import type { MonitorSettings, Stdio } from './contract.ts';
import { addNull } from './devices.ts';

/** Before clone: the attach socket and the pipes. */
export function addMonitorStdio(builder: PlanBuilder, stdio: Stdio, monitor: MonitorSettings): void {
  if (monitor.socket !== '') {
    const why = 'clients attach here, before and after a restart of the engine';
    builder.monitor('listen', { into: 'attach', path: monitor.socket, mode: 0o600 }, { why });
  }
  if (stdio.kind === 'pipes') {
    if (stdio.stdin) builder.monitor('pipe', { read: 'stdin', write: 'stdin.w' });
    else addNull(builder, 'monitor', 'stdin', O.RDONLY);
    builder.monitor('pipe', { read: 'stdout.r', write: 'stdout' });
    builder.monitor('pipe', { read: 'stderr.r', write: 'stderr' });
  } else if (stdio.kind === 'console-socket') {
    builder.monitor('connect-unix', { into: 'console-socket', path: stdio.path }, { subject: `console socket ${stdio.path}` });
  }
}

/** In the process: the pipes become its streams, or the terminal's master is handed over. */
export function addContainerStdio(builder: PlanBuilder, stdio: Stdio): void {
  if (stdio.kind === 'pipes') builder.container('stdio', { stdin: 'stdin', stdout: 'stdout', stderr: 'stderr' });
  if (stdio.kind === 'pty') builder.container('send-slot', { slot: 'pty' }, { why: 'the monitor owns the terminal' });
  if (stdio.kind === 'console-socket') {
    const data = Buffer.from('/dev/pts/0');
    builder.container('send-fd', { socket: 'console-socket', slot: 'pty', data }, { why: 'whoever listens owns the terminal' });
  }
}

/** After clone: the monitor takes its ends. */
export function addMonitorEnds(builder: PlanBuilder, stdio: Stdio): void {
  if (stdio.kind === 'pty') builder.monitor('recv-slot', { into: 'terminal' });
  if (stdio.kind === 'pipes') {
    const why = "the container's end: kept open here, it would never be seen to close";
    for (const slot of ['stdin', 'stdout', 'stderr']) builder.monitor('close', { slot }, { why });
  }
}

/** The monitor's last operation: to stay and serve. */
export function addMonitor(builder: PlanBuilder, stdio: Stdio, monitor: MonitorSettings): void {
  const flags =
    (monitor.waitStart ? MONITOR.WAIT_START : 0) |
    (monitor.stdinOnce ? MONITOR.STDIN_ONCE : 0) |
    (monitor.leave ? MONITOR.LEAVE : 0) |
    (monitor.backpressure ? MONITOR.BACKPRESSURE : 0) |
    (monitor.forwardSignals ? MONITOR.FORWARD_SIGNALS : 0) |
    (monitor.recordUntold ? MONITOR.RECORD_UNTOLD : 0);
  const pipes = stdio.kind === 'pipes';
  builder.monitor('monitor', {
    stdin: pipes && stdio.stdin ? 'stdin.w' : undefined,
    stdout: pipes ? 'stdout.r' : undefined,
    stderr: pipes ? 'stderr.r' : undefined,
    pty: stdio.kind === 'pty' ? 'terminal' : undefined,
    listen: monitor.socket === '' ? undefined : 'attach',
    logPath: monitor.log?.path ?? '',
    logMaxSize: monitor.log?.maxSize ?? 0,
    logMaxFiles: monitor.log?.maxFiles ?? 1,
    logExtra: monitor.log?.extra ?? '',
    exitPath: monitor.exitPath,
    spillDir: monitor.spillDir,
    flags,
  });
  if (monitor.socket !== '') builder.cleanup('unlink', { path: monitor.socket }, { ignore: ['ENOENT'] });
}
