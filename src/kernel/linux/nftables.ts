import type { NetlinkSocket } from './netlink-socket.ts';
import type {
  PacketFilter,
  NftChain,
  NftChange,
  NftChainName,
  NftElement,
  NftRuleRead,
  NftSetName,
  NftSetRead,
  NftTable,
  NftTableName,
} from '../nftables-contract.ts';

export class LinuxPacketFilter implements PacketFilter {
  readonly socket: () => NetlinkSocket;
  constructor(socket: () => NetlinkSocket) {
    this.socket = socket;
  }
  change(_changes: readonly NftChange[]): void {
    throw new Error('not yet');
  }
  generation(): number {
    throw new Error('not yet');
  }
  tables(): NftTable[] {
    throw new Error('not yet');
  }
  chains(_table?: NftTableName): NftChain[] {
    throw new Error('not yet');
  }
  rules(_chain: NftChainName): NftRuleRead[] {
    throw new Error('not yet');
  }
  sets(_table: NftTableName): NftSetRead[] {
    throw new Error('not yet');
  }
  elements(_set: NftSetName): NftElement[] {
    throw new Error('not yet');
  }
}
