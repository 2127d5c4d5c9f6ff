/** `PacketFilter` on Linux: nfnetlink(7)'s nftables subsystem, by one socket of the namespace. */
import { release } from 'node:os';
import { SyscallError } from '../../base/errors.ts';
import { attribute, decodeAttributes, text } from './netlink-message.ts';
import type { NetlinkMessage, NetlinkRequest } from './netlink-message.ts';
import { syscallError } from './socket-calls.ts';
import type { NetlinkSocket } from './netlink-socket.ts';
import { batchEnd, encodeChange, FAMILIES, NFT, nftRequest } from './nftables-batch.ts';
import { decodeChain, decodeRule, decodeSet, decodeTable } from './nftables-decode.ts';
import { decodeElements, encodeElements } from './nftables-elements.ts';
import type {
  PacketFilter,
  NftChain,
  NftChange,
  NftChainName,
  NftElement,
  NftRuleRead,
  NftSetName,
  NftSetRead,
  NftSetType,
  NftTable,
  NftTableName,
} from '../nftables-contract.ts';

const ENOENT = 2;
const ANY_FAMILY = 0;

/** Of the namespace that the socket speaks to; it is asked for before every use. */
export class LinuxPacketFilter implements PacketFilter {
  readonly #socket: () => NetlinkSocket;
  readonly #canDestroy: boolean;

  /** `canDestroy`: the kernel (6.3 and later) can delete what may be missing. */
  constructor(socket: () => NetlinkSocket, canDestroy = hasDestroy(release())) {
    this.#socket = socket;
    this.#canDestroy = canDestroy;
  }

  change(changes: readonly NftChange[]): void {
    if (changes.length === 0) return;
    const requests: NetlinkRequest[] = [batchEnd('BEGIN')];
    const owners = [-1];
    changes.forEach((change, index) => {
      for (const request of encodeChange(this.#canDestroy ? change : this.#withoutMissing(change), index + 1)) {
        requests.push(request);
        owners.push(index);
      }
    });
    const { failure } = this.#socket().send([...requests, batchEnd('END')]);
    if (failure === undefined) return;
    const owner = changes[owners[failure.index] ?? -1];
    throw syscallError(owner === undefined ? 'nftables batch' : `nftables change ${owners[failure.index]} (${owner.op})`, failure.errno, failure.explanation);
  }

  generation(): number {
    const { failure, messages } = this.#socket().send([nftRequest(NFT.GETGEN, ANY_FAMILY, 0)]);
    if (failure !== undefined) throw syscallError('nftables generation', failure.errno, failure.explanation);
    return attributesOf(messages[0]!).get(1)!.readUInt32BE(0);
  }

  tables(): NftTable[] {
    return this.#dump(nftRequest(NFT.GETTABLE, ANY_FAMILY, 0), 'nftables tables')
      .map(decodeTable)
      .filter(isKnown);
  }

  chains(table?: NftTableName): NftChain[] {
    const family = table === undefined ? ANY_FAMILY : FAMILIES[table.family];
    const chains = this.#dump(nftRequest(NFT.GETCHAIN, family, 0), 'nftables chains')
      .map(decodeChain)
      .filter(isKnown);
    return table === undefined ? chains : chains.filter((chain) => chain.table === table.table);
  }

  rules(chain: NftChainName): NftRuleRead[] {
    const place = [attribute(1, text(chain.table)), attribute(2, text(chain.chain))];
    const rules = this.#dump(nftRequest(NFT.GETRULE, FAMILIES[chain.family], 0, ...place), `nftables rules of ${chain.chain}`);
    return rules.map(decodeRule).filter(isKnown);
  }

  sets(table: NftTableName): NftSetRead[] {
    try {
      return this.#dump(nftRequest(NFT.GETSET, FAMILIES[table.family], 0, attribute(1, text(table.table))), `nftables sets of ${table.table}`)
        .map(decodeSet)
        .filter(isKnown);
    } catch (error) {
      if (error instanceof SyscallError && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  elements(set: NftSetName): NftElement[] {
    const type = this.sets(set).find((found) => found.set === set.set);
    if (type === undefined) throw syscallError(`nftables elements of ${set.set}`, ENOENT);
    return this.#elements(set, type);
  }

  holds(set: NftSetName, type: NftSetType, elements: readonly NftElement[]): boolean {
    const bytes = (element: NftElement): string => bytesOf(type, { ...element, comment: undefined }, true);
    const there = new Set(this.#elements(set, type).map(bytes));
    return elements.every((element) => there.has(bytes(element)));
  }

  #elements(set: NftSetName, type: NftSetType): NftElement[] {
    const place = [attribute(1, text(set.table)), attribute(2, text(set.set))];
    const messages = this.#dump(nftRequest(NFT.GETSETELEM, FAMILIES[set.family], 0, ...place), `nftables elements of ${set.set}`);
    return decodeElements(type, messages.map((message) => attributesOf(message).get(3)).filter(isKnown));
  }

  #dump(request: NetlinkRequest, what: string): NetlinkMessage[] {
    return this.#socket().dump(request, what);
  }

  /** The change so that nothing in it is missing, for a kernel that would mind. */
  #withoutMissing(change: NftChange): NftChange {
    if (change.op === 'set-delete' && change.missingOk) {
      const there = this.sets(change).some((set) => set.set === change.set);
      const { family, table, set } = change;
      return there ? { op: 'set-delete', family, table, set } : { op: 'elements-delete', family, table, set, type: { key: [] }, elements: [] };
    }
    if (change.op !== 'elements-delete' || !change.missingOk) return change;
    const { missingOk: _, type, ...rest } = change;
    const there = new Set(this.#elementsIfThere(change).map((element) => bytesOf(type, element, false)));
    return { ...rest, type, elements: change.elements.filter((element) => there.has(bytesOf(type, element, false))) };
  }

  #elementsIfThere(set: NftSetName): NftElement[] {
    try {
      return this.elements(set);
    } catch (error) {
      if (error instanceof SyscallError && error.code === 'ENOENT') return [];
      throw error;
    }
  }
}

/** Equal for equal elements, however they are written. */
function bytesOf(type: NftSetType, element: NftElement, withData: boolean): string {
  return Buffer.concat(encodeElements(type, [element], withData).flat()).toString('hex');
}

function attributesOf(message: NetlinkMessage): ReadonlyMap<number, Buffer> {
  return decodeAttributes(message.body.subarray(4));
}

function isKnown<T>(value: T | undefined): value is T {
  return value !== undefined;
}

function hasDestroy(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 3);
}
