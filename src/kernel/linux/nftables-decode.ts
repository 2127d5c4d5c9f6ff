/** What the kernel says of nftables' tables, chains, rules and sets. */
import { createHash } from 'node:crypto';
import { attributeList, decodeAttributes, textOf } from './netlink-message.ts';
import type { Attributes, NetlinkMessage } from './netlink-message.ts';
import { FAMILIES, HOOKS, SET_FLAGS } from './nftables-batch.ts';
import { commentOf, UDATA } from './nftables-userdata.ts';
import { decodeVerdict } from './nftables-elements.ts';
import { typesOfNumber } from './nftables-values.ts';
import type { NftBase, NftChain, NftFamily, NftHook, NftRuleRead, NftSetRead, NftTable, NftVerdict } from '../nftables-contract.ts';

const NFGENMSG_SIZE = 4;
const VERDICT_TYPE = 0xffff_ff00;
const EMPTY = Buffer.alloc(0);

interface Read {
  readonly family: NftFamily;
  readonly attributes: Attributes;
}

/** undefined: of a family that is none of ours. */
function read(message: NetlinkMessage): Read | undefined {
  const family = (Object.keys(FAMILIES) as NftFamily[]).find((name) => FAMILIES[name] === message.body[0]);
  return family && { family, attributes: decodeAttributes(message.body.subarray(NFGENMSG_SIZE)) };
}

function name(attributes: Attributes, type: number): string {
  return textOf(attributes.get(type) ?? EMPTY);
}

function handle(attributes: Attributes, type: number): string {
  return String(attributes.get(type)?.readBigUInt64BE(0) ?? 0n);
}

/** Here and below undefined: of a family that is none of ours. */
export function decodeTable(message: NetlinkMessage): NftTable | undefined {
  const { family, attributes } = read(message) ?? {};
  if (family === undefined || attributes === undefined) return undefined;
  return { family, table: name(attributes, 1), handle: handle(attributes, 4), comment: commentOf(attributes.get(6), UDATA.COMMENT) };
}

/** A base chain of a hook or a type that is none of ours has no `base`. */
export function decodeChain(message: NetlinkMessage): NftChain | undefined {
  const { family, attributes } = read(message) ?? {};
  if (family === undefined || attributes === undefined) return undefined;
  return {
    family,
    table: name(attributes, 1),
    chain: name(attributes, 3),
    handle: handle(attributes, 2),
    base: decodeBase(attributes),
    use: attributes.get(6)?.readUInt32BE(0) ?? 0,
  };
}

function decodeBase(attributes: Attributes): NftBase | undefined {
  const bytes = attributes.get(4);
  if (bytes === undefined) return undefined;
  const hook = decodeAttributes(bytes);
  const number = hook.get(1)?.readUInt32BE(0);
  const hookName = (Object.keys(HOOKS) as NftHook[]).find((word) => HOOKS[word] === number);
  const type = name(attributes, 7);
  if (hookName === undefined || (type !== 'filter' && type !== 'nat' && type !== 'route')) return undefined;
  return { type, hook: hookName, priority: hook.get(2)?.readInt32BE(0) ?? 0, policy: attributes.get(5)?.readUInt32BE(0) === 0 ? 'drop' : 'accept' };
}

/** Reads comments of nft's and of iptables' kind. */
export function decodeRule(message: NetlinkMessage): NftRuleRead | undefined {
  const { family, attributes } = read(message) ?? {};
  if (family === undefined || attributes === undefined) return undefined;
  const expressions = attributeList(attributes.get(4) ?? EMPTY).map(([, item]) => {
    const parts = decodeAttributes(item);
    return { name: name(parts, 1), data: parts.get(2) ?? EMPTY };
  });
  const hash = createHash('sha256');
  let comment = commentOf(attributes.get(7), UDATA.COMMENT);
  let verdict: NftVerdict | undefined;
  for (const expression of expressions) {
    hash.update(`${expression.name} ${expression.name === 'counter' ? '' : expression.data.toString('hex')}\n`);
    const parts = decodeAttributes(expression.data);
    if (expression.name === 'immediate') verdict = decodeVerdict(parts.get(2)) ?? verdict;
    // a match of iptables' own: NFTA_MATCH_NAME and NFTA_MATCH_INFO
    if (expression.name === 'match' && name(parts, 1) === 'comment') comment ??= name(parts, 3);
  }
  return {
    family,
    table: name(attributes, 1),
    chain: name(attributes, 2),
    handle: handle(attributes, 3),
    comment,
    expressions: expressions.map((expression) => expression.name),
    verdict,
    fingerprint: hash.digest('hex'),
  };
}

/** undefined also for a type that is none of ours. */
export function decodeSet(message: NetlinkMessage): NftSetRead | undefined {
  const { family, attributes } = read(message) ?? {};
  if (family === undefined || attributes === undefined) return undefined;
  const number = (type: number): number => attributes.get(type)?.readUInt32BE(0) ?? 0;
  const flags = number(3);
  const key = typesOfNumber(number(4));
  const data = (flags & SET_FLAGS.MAP) === 0 ? undefined : number(6) === VERDICT_TYPE ? 'verdict' : typesOfNumber(number(6));
  if (key === undefined || ((flags & SET_FLAGS.MAP) !== 0 && data === undefined)) return undefined;
  const comment = commentOf(attributes.get(13), UDATA.SET_COMMENT);
  return {
    family,
    table: name(attributes, 1),
    set: name(attributes, 2),
    handle: handle(attributes, 16),
    key,
    ...(data !== undefined && { data }),
    ...((flags & SET_FLAGS.INTERVAL) !== 0 && { interval: true }),
    ...(comment !== undefined && { comment }),
  };
}
