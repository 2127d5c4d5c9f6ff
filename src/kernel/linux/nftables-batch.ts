/** A batch of changes of nftables as nfnetlink requests. See nf_tables.h of the kernel's uapi for the numbers. */
import { invalid } from '../../base/errors.ts';
import { attribute, nested, NLM, text, u16be, u32, u32be, u64be } from './netlink-message.ts';
import type { NetlinkRequest } from './netlink-message.ts';
import { encodeElements } from './nftables-elements.ts';
import { encodeStatements } from './nftables-expressions.ts';
import { comment, UDATA } from './nftables-userdata.ts';
import { TYPES, typesNumber, typesSize } from './nftables-values.ts';
import type { NftBase, NftChange, NftFamily, NftRule, NftSet } from '../nftables-contract.ts';

/** NFPROTO_*. */
export const FAMILIES: Readonly<Record<NftFamily, number>> = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 };
/** NF_INET_*. */
export const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
/** NFT_MSG_*. The DESTROY ones, which do not mind that nothing is there, came with Linux 6.3. */
export const NFT = {
  NEWTABLE: 0,
  GETTABLE: 1,
  DELTABLE: 2,
  NEWCHAIN: 3,
  GETCHAIN: 4,
  DELCHAIN: 5,
  NEWRULE: 6,
  GETRULE: 7,
  DELRULE: 8,
  NEWSET: 9,
  GETSET: 10,
  DELSET: 11,
  NEWSETELEM: 12,
  GETSETELEM: 13,
  DELSETELEM: 14,
  NEWGEN: 15,
  GETGEN: 16,
  DESTROYSET: 29,
  DESTROYSETELEM: 30,
} as const;
const NFNL_SUBSYS_NFTABLES = 10;
const BATCH = { BEGIN: 16, END: 17 } as const;
/** NFT_SET_*. */
export const SET_FLAGS = { INTERVAL: 4, MAP: 8, CONCAT: 0x80 } as const;
const VERDICT_TYPE = 0xffff_ff00;
const BYTEORDER = { HOST: 1, BIG: 2 } as const;

/** One nfnetlink request: struct nfgenmsg and attributes. */
export function nftRequest(type: number, family: number, flags: number, ...attributes: Buffer[]): NetlinkRequest {
  return { type: (NFNL_SUBSYS_NFTABLES << 8) | type, flags, body: Buffer.concat([Buffer.of(family, 0), u16be(0), ...attributes]) };
}

/** The first and the last request of a batch. */
export function batchEnd(which: keyof typeof BATCH): NetlinkRequest {
  return { type: BATCH[which], flags: 0, body: Buffer.concat([Buffer.of(0, 0), u16be(NFNL_SUBSYS_NFTABLES)]) };
}

/** What stands between the first and the last request. `setId`: of this batch's own, another for each set. */
export function encodeChange(change: NftChange, setId: number): NetlinkRequest[] {
  const family = FAMILIES[change.family];
  const table = attribute(1, text(change.table));
  switch (change.op) {
    case 'table-add': {
      const flags = NLM.CREATE | (change.exclusive ? NLM.EXCL : 0);
      return [nftRequest(NFT.NEWTABLE, family, flags, table, ...userData(6, UDATA.COMMENT, change.comment))];
    }
    case 'table-delete':
      // adding one that is there changes nothing, and then there is one in any case
      return [...(change.missingOk ? [nftRequest(NFT.NEWTABLE, family, NLM.CREATE, table)] : []), nftRequest(NFT.DELTABLE, family, 0, table)];
    case 'chain-add':
      return [nftRequest(NFT.NEWCHAIN, family, NLM.CREATE, table, attribute(3, text(change.chain)), ...baseAttributes(change.base))];
    case 'chain-flush':
      return [nftRequest(NFT.DELRULE, family, 0, table, attribute(2, text(change.chain)))];
    case 'chain-delete': {
      const chain = attribute(3, text(change.chain));
      return [...(change.missingOk ? [nftRequest(NFT.NEWCHAIN, family, NLM.CREATE, table, chain)] : []), nftRequest(NFT.DELCHAIN, family, 0, table, chain)];
    }
    case 'rule-add':
      return [newRule(change, change)];
    case 'rule-delete':
      return [nftRequest(NFT.DELRULE, family, 0, table, attribute(2, text(change.chain)), attribute(3, u64be(BigInt(change.handle))))];
    case 'set-add':
      return [newSet(change, setId)];
    case 'set-flush':
      return [nftRequest(NFT.DELSETELEM, family, 0, table, attribute(2, text(change.set)))];
    case 'set-delete':
      return [nftRequest(change.missingOk ? NFT.DESTROYSET : NFT.DELSET, family, 0, table, attribute(2, text(change.set)))];
    case 'elements-add':
    case 'elements-delete': {
      const adding = change.op === 'elements-add';
      const type = adding ? NFT.NEWSETELEM : change.missingOk ? NFT.DESTROYSETELEM : NFT.DELSETELEM;
      return encodeElements(change.type, change.elements, adding).map((elements) =>
        nftRequest(type, family, adding ? NLM.CREATE : 0, table, attribute(2, text(change.set)), nested(3, elements)),
      );
    }
  }
}

function baseAttributes(base: NftBase | undefined): Buffer[] {
  if (base === undefined) return [];
  const hook = nested(4, [attribute(1, u32be(HOOKS[base.hook])), attribute(2, u32be(base.priority))]);
  return [hook, attribute(5, u32be(base.policy === 'accept' ? 1 : 0)), attribute(7, text(base.type))];
}

function newRule(rule: NftRule, place: { readonly prepend?: boolean; readonly after?: string; readonly before?: string }): NetlinkRequest {
  const expressions = encodeStatements(rule.family, rule.statements).map((bytes) => nested(1, [bytes]));
  const beside = place.after ?? place.before;
  const behind = place.after !== undefined || (place.before === undefined && place.prepend !== true);
  return nftRequest(
    NFT.NEWRULE,
    FAMILIES[rule.family],
    NLM.CREATE | (behind ? NLM.APPEND : 0),
    attribute(1, text(rule.table)),
    attribute(2, text(rule.chain)),
    nested(4, expressions),
    ...(beside === undefined ? [] : [attribute(6, u64be(BigInt(beside)))]),
    ...userData(7, UDATA.COMMENT, rule.comment),
  );
}

function newSet(set: NftSet, id: number): NetlinkRequest {
  const { key, data } = set;
  if (key.length === 0) throw invalid(`set ${set.set} has no key`);
  const manyIntervals = set.interval === true && key.length > 1;
  const flags = (set.interval ? SET_FLAGS.INTERVAL : 0) | (data ? SET_FLAGS.MAP : 0) | (manyIntervals ? SET_FLAGS.CONCAT : 0);
  const attributes = [
    attribute(1, text(set.table)),
    attribute(2, text(set.set)),
    attribute(3, u32be(flags)),
    attribute(4, u32be(typesNumber(key))),
    attribute(5, u32be(typesSize(key))),
  ];
  if (data === 'verdict') attributes.push(attribute(6, u32be(VERDICT_TYPE)), attribute(7, u32be(0)));
  else if (data !== undefined) attributes.push(attribute(6, u32be(typesNumber(data))), attribute(7, u32be(typesSize(data))));
  // of several intervals at once the kernel must know the parts
  const fields = manyIntervals
    ? [
        nested(
          2,
          key.map((type) => nested(1, [attribute(1, u32be(TYPES[type].size))])),
        ),
      ]
    : [];
  attributes.push(nested(9, fields), attribute(10, u32be(id)));
  const order = [UDATA.SET_KEY_BYTEORDER, 4, ...u32(byteOrder(key[0]!))];
  if (data !== undefined && data !== 'verdict') order.push(UDATA.SET_DATA_BYTEORDER, 4, ...u32(byteOrder(data[0]!)));
  attributes.push(attribute(13, Buffer.concat([Buffer.from(order), comment(UDATA.SET_COMMENT, set.comment)])));
  return nftRequest(NFT.NEWSET, FAMILIES[set.family], NLM.CREATE, ...attributes);
}

function byteOrder(type: keyof typeof TYPES): number {
  return TYPES[type].ordered ? BYTEORDER.BIG : BYTEORDER.HOST;
}

function userData(type: number, kind: number, value: string | undefined): Buffer[] {
  return value === undefined ? [] : [attribute(type, comment(kind, value))];
}
