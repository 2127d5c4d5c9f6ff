/** Expressions of nftables: a statement of a rule becomes what the kernel runs. All numbers in them are big-endian. */
import { invalid } from '../../base/errors.ts';
import { maskBytes, parsePrefix } from './ip-bytes.ts';
import { attribute, nested, text, u32be } from './netlink-message.ts';
import { encodeRange, encodeScalar, registers, TYPES } from './nftables-values.ts';
import type { ValueType } from './nftables-values.ts';
import { expression, FIRST_REGISTER, load, registerNumber, selectorFacts, store } from './nftables-selectors.ts';
import type { NftFamily, NftNat, NftSelector, NftStatement, NftValue, NftVerdict } from '../nftables-contract.ts';

const VERDICT_REGISTER = 0;
const CMP = { EQ: 0, NEQ: 1 } as const;
const NFT_LOOKUP_F_INV = 1;
const NAT = { snat: 0, dnat: 1 } as const;
const NAT_RANGE = { RANDOM: 1 << 2, PERSISTENT: 1 << 3 } as const;
const NFPROTO = { ip: 2, ip6: 10 } as const;
const REJECT = { ICMP: 0, TCP_RST: 1, ICMPX: 2 } as const;
const REJECT_CODES = {
  inet: { 'port-unreachable': 1, 'host-unreachable': 2, 'admin-prohibited': 3 },
  ip: { 'port-unreachable': 3, 'host-unreachable': 1, 'admin-prohibited': 13 },
  ip6: { 'port-unreachable': 4, 'host-unreachable': 3, 'admin-prohibited': 1 },
} as const;
const META_MARK = 3;
const CT_MARK = 3;
/** Of `linux/netfilter.h` and `nf_tables.h`. */
export const VERDICTS = { drop: 0, accept: 1, continue: -1, jump: -3, goto: -4, return: -5 } as const;

/** NFTA_DATA_VALUE inside of the attribute of this type. */
export function dataValue(type: number, value: Buffer): Buffer {
  return nested(type, [attribute(1, value)]);
}

/** NFTA_DATA_VERDICT inside of the attribute of this type. */
export function dataVerdict(type: number, verdict: NftVerdict): Buffer {
  const name = typeof verdict === 'string' ? verdict : 'jump' in verdict ? 'jump' : 'goto';
  const parts = [attribute(1, u32be(VERDICTS[name]))];
  if (typeof verdict !== 'string') parts.push(attribute(2, text('jump' in verdict ? verdict.jump : verdict.goto)));
  return nested(type, [nested(2, parts)]);
}

/** The expressions of a rule, each to be put into a list. */
export function encodeStatements(family: NftFamily, statements: readonly NftStatement[]): Buffer[] {
  const rule = new RuleEncoder(family);
  for (const statement of statements) rule.add(statement);
  return rule.expressions;
}

class RuleEncoder {
  readonly expressions: Buffer[] = [];
  readonly #family: NftFamily;
  /** Tests that the rule has made, as `meta nfproto 2`. */
  readonly #tested = new Set<string>();

  constructor(family: NftFamily) {
    this.#family = family;
  }

  add(statement: NftStatement): void {
    if ('match' in statement) {
      if ('in' in statement) this.#lookup(selectors(statement.match), statement.in, undefined, statement.not);
      else this.#match(statement.match, statement.is, statement.not === true);
    } else if ('vmap' in statement) this.#lookup(selectors(statement.vmap), statement.map, VERDICT_REGISTER);
    else if ('verdict' in statement) this.#put('immediate', attribute(1, u32be(VERDICT_REGISTER)), dataVerdict(2, statement.verdict));
    else if ('counter' in statement) this.#put('counter');
    else if ('dnat' in statement) this.#nat('dnat', statement.dnat);
    else if ('snat' in statement) this.#nat('snat', statement.snat);
    else if ('masquerade' in statement) this.#put('masq', ...(statement.masquerade.random ? [attribute(1, u32be(NAT_RANGE.RANDOM))] : []));
    else if ('reject' in statement) this.#reject(statement.reject);
    else if ('notrack' in statement) this.#put('notrack');
    else if (statement.set !== 'meta mark' && statement.set !== 'ct mark') {
      this.#immediate(FIRST_REGISTER, encodeScalar('inet_service', statement.to));
      this.expressions.push(store(statement.set, FIRST_REGISTER));
    } else {
      this.#immediate(FIRST_REGISTER, encodeScalar('mark', statement.to));
      if (statement.set === 'meta mark') this.#put('meta', attribute(2, u32be(META_MARK)), attribute(3, registerNumber(FIRST_REGISTER)));
      else this.#put('ct', attribute(2, u32be(CT_MARK)), attribute(4, registerNumber(FIRST_REGISTER)));
    }
  }

  #put(name: string, ...attributes: Buffer[]): void {
    this.expressions.push(expression(name, attributes));
  }

  #immediate(register: number, value: Buffer): void {
    this.#put('immediate', attribute(1, registerNumber(register)), dataValue(2, value));
  }

  /** Puts the value into registers, after the tests that it needs. */
  #load(selector: NftSelector, register: number): void {
    const { needs } = selectorFacts(selector);
    if (needs !== undefined) this.#need(needs.test, needs.is, selector);
    this.expressions.push(load(selector, register));
  }

  #need(test: 'meta nfproto' | 'meta l4proto', is: string, what: string): void {
    if (test === 'meta nfproto' && this.#family !== 'inet' && this.#family !== 'bridge' && this.#family !== 'netdev') {
      if ((is === 'ipv4' ? 'ip' : 'ip6') !== this.#family) throw invalid(`no ${what} in a table of family ${this.#family}`);
      return;
    }
    if (!this.#tested.has(`${test} ${is}`)) this.#match(test, is, false);
  }

  #match(selector: NftSelector, is: NftValue | readonly string[], not: boolean): void {
    const { type } = selectorFacts(selector);
    this.#load(selector, FIRST_REGISTER);
    if (!not && typeof is === 'string') this.#tested.add(`${selector} ${is}`);
    if (Array.isArray(is) || type === 'ct_state' || type === 'ct_status') return this.#anyBit(type, [is].flat() as string[], not);
    const value = is as NftValue;
    const operation = not ? CMP.NEQ : CMP.EQ;
    if (type === 'ifname' && typeof value === 'string' && value.endsWith('*')) {
      const name = encodeScalar('ifname', value.slice(0, -1));
      return this.#compare(operation, name.subarray(0, Buffer.byteLength(value) - 1));
    }
    if (typeof value === 'string' && value.includes('/') && (type === 'ipv4_addr' || type === 'ipv6_addr')) {
      const { length, bytes } = parsePrefix(value);
      const { first } = encodeRange(type, value);
      if (length < bytes.length * 8) this.#mask(maskBytes(length, bytes.length));
      return this.#compare(operation, first);
    }
    if (typeof value !== 'object') return this.#compare(operation, encodeScalar(type, value));
    const { first, last } = encodeRange(type, value);
    this.#put('range', attribute(1, registerNumber(FIRST_REGISTER)), attribute(2, u32be(operation)), dataValue(3, first), dataValue(4, last));
  }

  #compare(operation: number, value: Buffer): void {
    this.#put('cmp', attribute(1, registerNumber(FIRST_REGISTER)), attribute(2, u32be(operation)), dataValue(3, value));
  }

  #mask(mask: Buffer): void {
    const register = registerNumber(FIRST_REGISTER);
    this.#put(
      'bitwise',
      attribute(1, register),
      attribute(2, register),
      attribute(3, u32be(mask.length)),
      dataValue(4, mask),
      dataValue(5, Buffer.alloc(mask.length)),
    );
  }

  #anyBit(type: ValueType, words: readonly string[], not: boolean): void {
    if (type !== 'ct_state' && type !== 'ct_status') throw invalid(`several values of ${type}: use a set`);
    const bits = words.reduce((sum, word) => sum | encodeScalar(type, word).readUInt32LE(0), 0);
    const mask = Buffer.alloc(4);
    mask.writeUInt32LE(bits);
    this.#mask(mask);
    this.#compare(not ? CMP.EQ : CMP.NEQ, Buffer.alloc(4));
  }

  #lookup(keys: readonly NftSelector[], set: string, into: number | undefined, not = false): void {
    if (keys.length === 0) throw invalid(`nothing to look up in ${set}`);
    // the tests first: they use registers of their own
    for (const key of keys) {
      const { needs } = selectorFacts(key);
      if (needs !== undefined) this.#need(needs.test, needs.is, key);
    }
    let register = FIRST_REGISTER;
    for (const key of keys) {
      this.#load(key, register);
      register += registers(TYPES[selectorFacts(key).type].size);
    }
    const attributes = [attribute(1, text(set)), attribute(2, registerNumber(FIRST_REGISTER))];
    if (into !== undefined) attributes.push(attribute(3, registerNumber(into)));
    if (not) attributes.push(attribute(5, u32be(NFT_LOOKUP_F_INV)));
    this.#put('lookup', ...attributes);
  }

  #nat(kind: 'snat' | 'dnat', nat: NftNat): void {
    const type = nat.ip === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
    const portRegister = FIRST_REGISTER + registers(TYPES[type].size);
    let address = nat.address !== undefined;
    let port = nat.port !== undefined;
    if (nat.map !== undefined) {
      if (address || port) throw invalid(`${kind}: a map or an address, not both`);
      this.#lookup(nat.map.key, nat.map.name, FIRST_REGISTER);
      address = true;
      port = nat.map.gives === 'address . port';
    } else {
      if (nat.address !== undefined) this.#immediate(FIRST_REGISTER, encodeScalar(type, nat.address));
      if (nat.port !== undefined) this.#immediate(portRegister, encodeScalar('inet_service', nat.port));
    }
    const flags = (nat.random ? NAT_RANGE.RANDOM : 0) | (nat.persistent ? NAT_RANGE.PERSISTENT : 0);
    this.#put(
      'nat',
      attribute(1, u32be(NAT[kind])),
      attribute(2, u32be(NFPROTO[nat.ip])),
      ...(address ? [attribute(3, registerNumber(FIRST_REGISTER))] : []),
      ...(port ? [attribute(5, registerNumber(portRegister))] : []),
      ...(flags !== 0 ? [attribute(7, u32be(flags))] : []),
    );
  }

  #reject(how: 'tcp reset' | keyof typeof REJECT_CODES.inet): void {
    if (how === 'tcp reset') {
      this.#need('meta l4proto', 'tcp', how);
      return this.#put('reject', attribute(1, u32be(REJECT.TCP_RST)), attribute(2, Buffer.of(0)));
    }
    const family = this.#family;
    if (family !== 'inet' && family !== 'ip' && family !== 'ip6') throw invalid(`no reject in a table of family ${family}`);
    const type = family === 'inet' ? REJECT.ICMPX : REJECT.ICMP;
    this.#put('reject', attribute(1, u32be(type)), attribute(2, Buffer.of(REJECT_CODES[family][how])));
  }
}

function selectors(match: NftSelector | readonly NftSelector[]): readonly NftSelector[] {
  return typeof match === 'string' ? [match] : match;
}
