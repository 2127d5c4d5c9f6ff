/** The thread that writes clients' files: a slow disk holds up nobody but the builds that wait for it. */
import { rmSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { ReceiveRound } from './receive-round.ts';
import { SyncedTree } from './synced-tree.ts';
import { saidOf, unpackPackets, type TreeOrder, type TreeReport } from './tree-protocol.ts';

const trees = new Map<string, SyncedTree>();
const rounds = new Map<number, ReceiveRound>();

parentPort!.on('message', (order: TreeOrder) => {
  if (order.kind === 'remove') {
    trees.delete(order.root);
    rmSync(order.folder, { recursive: true, force: true });
    return;
  }
  const report = obey(order);
  if (report !== undefined) parentPort!.postMessage(report);
});

function obey(order: Exclude<TreeOrder, { kind: 'remove' }>): TreeReport | undefined {
  const { round: number } = order;
  if (order.kind === 'begin') {
    let tree = trees.get(order.root);
    if (tree === undefined) trees.set(order.root, (tree = new SyncedTree(order.root)));
    rounds.set(number, new ReceiveRound(tree));
    return undefined;
  }
  const round = rounds.get(number);
  if (round === undefined) return order.kind === 'abandon' ? undefined : { round: number, failure: 'the round was broken off' };
  try {
    if (order.kind === 'packets') return { round: number, answer: round.push(unpackPackets(order.bytes)) };
    rounds.delete(number);
    if (order.kind === 'abandon') {
      round.abandon();
      return undefined;
    }
    round.finish();
    return { round: number };
  } catch (error) {
    rounds.delete(number);
    round.abandon();
    return { round: number, failure: saidOf(error) };
  }
}
