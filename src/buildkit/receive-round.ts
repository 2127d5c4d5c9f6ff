/** One round of BuildKit's file sync, from packets in to a folder that is like the client's. */
import { invalid } from '../base/errors.ts';
import { PACKET, readPacket } from './file-packet.ts';
import type { FileStat } from './synced-tree.ts';

/** What is to be said to the client now. */
export interface RoundAnswer {
  /** The numbers of files whose content is needed. */
  readonly requests: readonly number[];
  /** All is here: the client is to know. */
  readonly fin: boolean;
  /** The client knows. */
  readonly ended: boolean;
}

/** What is kept of a client's files. */
export interface ReceivingTree {
  /** What the client's next file is. Gives its number when its content is needed. Throws `invalid` for what must not be. */
  tell(stat: FileStat): number | undefined;
  /** A piece of a file; an empty one is its end. Throws `invalid` for a file that was not asked for. */
  data(id: number, bytes: Uint8Array): void;
  /** Files whose end has not come. */
  readonly pending: number;
  /** Bytes of the files that are kept. */
  readonly bytes: number;
  /** The client has told of all of its files, and all that was needed is here. */
  finish(): void;
  /** The round was broken off: what was kept before is still known. */
  abandon(): void;
}

export class ReceiveRound {
  readonly #tree: ReceivingTree;
  #allTold = false;
  #finished = false;
  #ended = false;

  constructor(tree: ReceivingTree) {
    this.#tree = tree;
  }

  /** Takes packets in. Throws `invalid` for what breaks the rules, and what the file system says. */
  push(packets: Iterable<Uint8Array>): RoundAnswer {
    const requests: number[] = [];
    const finished = this.#finished;
    for (const bytes of packets) {
      const { type, stat, id, data } = readPacket(bytes);
      if (type === PACKET.STAT && !this.#allTold) {
        if (stat === undefined) this.#allTold = true;
        else {
          const asked = this.#tree.tell(stat);
          if (asked !== undefined) requests.push(asked);
        }
      } else if (type === PACKET.DATA) {
        this.#tree.data(id, data);
      } else if (type === PACKET.ERROR) {
        throw invalid(Buffer.from(data).toString() || 'the client failed, and does not say why');
      } else if (type === PACKET.FIN && this.#finished) {
        this.#ended = true;
      } else {
        throw invalid('the client broke the rules of the file sync');
      }
      if (this.#allTold && this.#tree.pending === 0) this.#finished = true;
    }
    return { requests, fin: this.#finished && !finished, ended: this.#ended };
  }

  /** The client says no more. Gives the bytes of the folder's files. Throws when that was too early. */
  finish(): number {
    if (!this.#finished) throw invalid('the client ended the file sync before its end');
    this.#tree.finish();
    return this.#tree.bytes;
  }

  abandon(): void {
    this.#tree.abandon();
  }
}
