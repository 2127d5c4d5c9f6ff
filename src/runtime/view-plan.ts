/** A root file system to look at, without a program in it: /proc/PID/root of a process that waits and never runs anything. */
import { CLONE_NEW } from '../kernel/constants.ts';
import { TOKENS, type Plan } from '../plan/ops.ts';
import { PlanBuilder } from './builder.ts';
import type { MachineFacts, MonitorSettings, RootSource } from './contract.ts';
import { addPivot, addRoot, openRootFolder } from './root.ts';
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

/** The plan of a view. Its process posts `created` and waits for a start that never comes: abort the plan to let go. */
export function planView(root: RootSource, machine: MachineFacts): Plan {
  const builder = new PlanBuilder();
  builder.monitor('clone', { flags: CLONE_NEW.mount }, { why: 'its mounts are seen by nobody else' });
  builder.container('death-signal', { signal: 9 }, { why: 'the view goes with whoever looks' });
  openRootFolder(builder, root);
  const slot = addRoot(builder, root, undefined, machine, []);
  addPivot(builder, slot, false);
  builder.container('dumpable', { value: 0 }, { why: 'nobody but root may look through it' });
  builder.container('post', { token: TOKENS.created });
  builder.container('wait', { token: TOKENS.start }, { why: 'held as long as somebody looks' });
  builder.container('exec', { argv: ['/view'], env: [], path: '' }, { why: 'never reached' });
  addMonitor(builder, { kind: 'inherit' }, WAITING);
  return { ops: builder.ops };
}
