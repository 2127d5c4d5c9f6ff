/** The thread that writes clients' files: a slow disk holds up nobody but the builds that wait for it. */
import { rmSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { ReceiveRound } from './receive-round.ts';
import { SyncedTree } from './synced-tree.ts';
import { Unframer } from './grpc-frames.ts';
import { MAX_PACKET, saidOf, type TreeOrder, type TreeReport } from './tree-protocol.ts';

const trees = new Map<string, SyncedTree>();
const rounds = new Map<number, { readonly round: ReceiveRound; readonly unframer: Unframer }>();

parentPort!.on('message', (order: TreeOrder) => {
  if (order.kind === 'remove') {
    trees.delete(order.root);
    rmSync(order.folder, { recursive: true, force: true });
    return;
  }
  const report = obey(order);
  if (report === undefined) return;
  if (order.kind === 'bytes') parentPort!.postMessage({ ...report, chunk: order.chunk }, [order.chunk.buffer]);
  else parentPort!.postMessage(report);
});

function obey(order: Exclude<TreeOrder, { kind: 'remove' }>): TreeReport | undefined {
  const { round: number } = order;
  if (order.kind === 'begin') {
    let tree = trees.get(order.root);
    if (tree === undefined) trees.set(order.root, (tree = new SyncedTree(order.root)));
    rounds.set(number, { round: new ReceiveRound(tree), unframer: new Unframer(MAX_PACKET) });
    return undefined;
  }
  const known = rounds.get(number);
  if (known === undefined) return order.kind === 'abandon' ? undefined : { round: number, failure: 'the round was broken off' };
  const { round, unframer } = known;
  try {
    if (order.kind === 'bytes') {
      const { chunk, length } = order;
      const answer = round.push(unframer.push(Buffer.from(chunk.buffer, 0, length)));
      unframer.keep();
      return { round: number, answer };
    }
    rounds.delete(number);
    if (order.kind === 'abandon') {
      round.abandon();
      return undefined;
    }
    return { round: number, size: round.finish() };
  } catch (error) {
    rounds.delete(number);
    round.abandon();
    return { round: number, failure: saidOf(error) };
  }
}
