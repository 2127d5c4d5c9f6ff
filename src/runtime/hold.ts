/** Processes that never run a program: they are there for what the kernel keeps as long as they are. */
import { CLONE_NEW } from '../kernel/constants.ts';
import { TOKENS, type Plan } from '../plan/ops.ts';
import { PlanBuilder } from './builder.ts';
import type { MonitorSettings } from './contract.ts';
import { addMonitor } from './stdio.ts';

const WAITING: MonitorSettings = {
  socket: '',
  log: undefined,
  exitPath: '',
  spillDir: '',
  waitStart: true,
  stdinOnce: false,
  backpressure: false,
  leave: false,
  forwardSignals: false,
};

/** The end of a plan: its process waits for a start that never comes, and goes when the plan is aborted. */
export function addHold(builder: PlanBuilder, why: string): void {
  builder.container('post', { token: TOKENS.created });
  builder.container('wait', { token: TOKENS.start }, { why });
  builder.container('exec', { argv: ['/never'], env: [], path: '' }, { why: 'never reached' });
  addMonitor(builder, { kind: 'inherit' }, WAITING);
}

/** Network namespaces with `lo` up, one after another: at each sync the next is at /proc/PID/ns/net of the runner. */
export function planNamespaces(count: number): Plan {
  const builder = new PlanBuilder();
  for (let i = 0; i < count; i++) {
    builder.monitor('unshare', { flags: CLONE_NEW.network }, { why: 'made here, and not by who asks: the kernel may take milliseconds' });
    builder.monitor('link-up', { name: 'lo' }, { why: '127.0.0.1 works' });
    builder.monitor('host-sync', { name: 'namespace' }, { why: 'until it has been opened' });
  }
  return { ops: builder.ops };
}
