/** A root file system to look at, without a program in it: /proc/PID/root of a process that waits and never runs anything. */
import { CLONE_NEW } from '../kernel/constants.ts';
import type { Plan } from '../plan/ops.ts';
import { PlanBuilder } from './builder.ts';
import type { MachineFacts, Peer, RootSource, SpecialMounts } from './contract.ts';
import { viewTrees } from './early-trees.ts';
import { addHold } from './hold.ts';
import { addMount } from './mounts.ts';
import { checkPeers } from './namespaces.ts';
import { addPivot, addReadonlyRoot, addRoot, openRootFolder } from './root.ts';
import type { Mount } from './spec.ts';

/** Instead of a root of its own: the root mount of a running process's mount namespace, without what is mounted in it. */
export interface ProcessRoot {
  readonly kind: 'process';
  readonly process: Peer;
  /** An existing folder to mount it at. */
  readonly mountPoint: string;
}

export interface ViewOptions {
  /** What is mounted in it: files and folders of the host. */
  readonly mounts?: readonly Mount[];
  /** Those of them that are volumes and images. */
  readonly special?: SpecialMounts;
  readonly readonly?: boolean;
}

/** The plan of a view. Its process posts `created` and waits for a start that never comes: abort the plan to let go. */
export function planView(
  root: RootSource | ProcessRoot,
  machine: MachineFacts,
  { mounts = [], special = new Map(), readonly = false }: ViewOptions = {},
): Plan {
  const builder = new PlanBuilder();
  const trees = { layers: root.kind === 'process' ? [treeOf(builder, root.process)] : [] };
  const source: RootSource = root.kind === 'process' ? { kind: 'dir', path: root.mountPoint } : root;
  const early = viewTrees(builder, mounts, special);
  builder.monitor('clone', { flags: CLONE_NEW.mount }, { why: 'its mounts are seen by nobody else' });
  for (const tree of early.values()) builder.monitor('close', { slot: tree });
  builder.container('death-signal', { signal: 9 }, { why: 'the view goes with whoever looks' });
  openRootFolder(builder, source);
  const slot = addRoot(builder, source, undefined, machine, trees);
  const context = { builder, machine, cgroup: undefined, root: slot, bundle: '/', trees: early, special, kernelMounts: [] };
  for (const mount of mounts) addMount(context, mount);
  if (readonly) addReadonlyRoot(builder, slot);
  addPivot(builder, slot, false);
  builder.container('dumpable', { value: 0 }, { why: 'nobody but root may look through it' });
  addHold(builder, 'held as long as somebody looks');
  return { ops: builder.ops };
}

function treeOf(builder: PlanBuilder, peer: Peer): string {
  const subject = `root file system of process ${peer.pid}`;
  const [process, tree] = [builder.slot('process'), builder.slot('tree')];
  builder.monitor('pidfd-open', { into: process, pid: peer.pid }, { subject });
  checkPeers(builder, [peer]);
  builder.monitor('tree-of', { into: tree, process, path: '/', flags: 0 }, { subject, why: 'without what is mounted in it' });
  builder.monitor('close', { slot: process });
  return tree;
}
