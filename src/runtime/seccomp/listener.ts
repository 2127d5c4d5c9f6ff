/** The listener of a filter with SCMP_ACT_NOTIFY, and how it gets to whoever answers the notifications. */
import type { PlanBuilder } from '../builder.ts';
import type { Seccomp } from '../spec.ts';

/** What the answerer is told of the container. */
export interface ListenerContainer {
  readonly ociVersion: string;
  readonly id: string;
  readonly bundle: string;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  /** The container's first process; absent where that is the process of this plan. */
  readonly pid?: number;
}

/**
 * The monitor connects to the profile's listenerPath, takes the listener from the process, and sends it with the
 * container process state (config-linux.md of the runtime specification). Then it lets go of both: when the answerer
 * goes, calls that wait for it are answered with ENOSYS, and not by nobody for ever.
 */
export function addListener(builder: PlanBuilder, seccomp: Seccomp, container: ListenerContainer): void {
  const { ociVersion, id, bundle, annotations, pid = 0 } = container;
  const path = seccomp.listenerPath!;
  const subject = `seccomp listener ${path}`;
  const state = { ociVersion, id, status: container.pid === undefined ? 'creating' : 'running', pid, bundle, annotations };
  const text = JSON.stringify({ ociVersion, fds: ['seccompFd'], pid: 0, metadata: seccomp.listenerMetadata, state });
  // the pid of the plan's process is known when it runs; inside of a string the quotes would be escaped
  const parts = text.split('"pid":0').map((part, i, all) => (i < all.length - 1 ? `${part}"pid":` : part));
  builder.monitor('connect-unix', { into: 'seccomp-socket', path }, { subject, why: 'somebody must answer before the program runs' });
  builder.monitor('seccomp-listener', { into: 'seccomp-listener' }, { subject });
  builder.monitor('send-state', { socket: 'seccomp-socket', slot: 'seccomp-listener', parts }, { subject });
  builder.monitor('close', { slot: 'seccomp-listener' }, { why: 'held here, calls would wait for an answerer that has gone' });
  builder.monitor('close', { slot: 'seccomp-socket' });
}
