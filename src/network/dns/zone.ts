/**
 * Who is called what. The names of one network are kept once, however many containers are in it; what a container can
 * ask for is a view on the networks that it is in.
 */
import { addressBytes, reverseKey } from './address.ts';
import { encodeName, nameKey } from './message.ts';

/** Names that a name server answers for itself. */
export interface Zone {
  /** The addresses of a name, the one to take first in front; empty: the name has none of that family; undefined: it is none of ours. */
  find(key: string, family: 4 | 6): readonly Buffer[] | undefined;
  /** The name of an address, as messages have it. `key` is the PTR question's. */
  nameOf(key: string): Buffer | undefined;
  /** Names without a dot that are none of ours stay inside: the client's resolver has search domains to try with them. */
  readonly keepsBareNames: boolean;
}

/** A container's place in a network, as far as names go. */
export interface NamedEndpoint {
  /** The endpoint's. */
  readonly id: string;
  /** Those of `dnsNames`: the addresses are said to belong to the first. */
  readonly names: readonly string[];
  /** With or without a prefix length. */
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
}

/**
 * What a container is called in a network where it has these aliases (Docker's `DNSNames`, which `inspect` shows): each
 * once. `hostname` is one that was given for it.
 */
export function dnsNames(
  { id, name, hostname }: { readonly id: string; readonly name: string; readonly hostname?: string | undefined },
  aliases: readonly string[],
): string[] {
  return [...new Set([name, ...aliases, id.slice(0, 12), hostname ?? ''])].filter(Boolean);
}

/** The addresses of all who share a name; `turn` is whose it is to be named first. */
interface Named {
  readonly addresses: { readonly 4: Buffer[]; readonly 6: Buffer[] };
  readonly turn: { 4: number; 6: number };
  owners: number;
}

interface Kept {
  readonly keys: readonly string[];
  /** What the addresses are called. */
  readonly own: Buffer | undefined;
  readonly addresses: { readonly 4: Buffer | undefined; readonly 6: Buffer | undefined };
}

const FAMILIES = [4, 6] as const;

/** The names of one network. Whoever attaches and detaches containers keeps it so. */
export class NetworkNames {
  /** The network's own name, as a key. */
  readonly key: string;
  readonly #name: string;
  readonly #endpoints = new Map<string, Kept>();
  readonly #byName = new Map<string, Named>();
  readonly #byAddress = new Map<string, Buffer>();

  constructor(network: string) {
    this.#name = network;
    this.key = nameKey(network);
  }

  /** An endpoint that is here now, in place of what was known of it (a container that is called otherwise now). */
  put({ id, names, ipv4, ipv6 }: NamedEndpoint): void {
    this.remove(id);
    const keys = [...new Set(names.map(nameKey))].filter(Boolean);
    const addresses = { 4: ipv4 === undefined ? undefined : addressBytes(ipv4), 6: ipv6 === undefined ? undefined : addressBytes(ipv6) };
    const own = names[0] === undefined ? undefined : encodeName(`${names[0]}.${this.#name}`);
    this.#endpoints.set(id, { keys, addresses, own });
    for (const key of keys) {
      const named = this.#byName.get(key) ?? { addresses: { 4: [], 6: [] }, turn: { 4: 0, 6: 0 }, owners: 0 };
      named.owners++;
      for (const family of FAMILIES) if (addresses[family] !== undefined) named.addresses[family].push(addresses[family]);
      this.#byName.set(key, named);
    }
    if (own !== undefined) for (const family of FAMILIES) if (addresses[family] !== undefined) this.#byAddress.set(reverseKey(addresses[family]), own);
  }

  /** Does nothing for one that is not here. */
  remove(id: string): void {
    const kept = this.#endpoints.get(id);
    if (kept === undefined) return;
    this.#endpoints.delete(id);
    for (const key of kept.keys) {
      const named = this.#byName.get(key)!;
      for (const family of FAMILIES) {
        const at = named.addresses[family].indexOf(kept.addresses[family]!);
        if (at >= 0) named.addresses[family].splice(at, 1);
      }
      if (--named.owners === 0) this.#byName.delete(key);
    }
    for (const family of FAMILIES) {
      const key = kept.addresses[family] === undefined ? '' : reverseKey(kept.addresses[family]);
      // another may have the address already
      if (this.#byAddress.get(key) === kept.own) this.#byAddress.delete(key);
    }
  }

  /** As `Zone.find`. Each time another of those who share the name comes first. */
  find(key: string, family: 4 | 6): readonly Buffer[] | undefined {
    const named = this.#byName.get(key);
    if (named === undefined) return undefined;
    const all = named.addresses[family];
    if (all.length < 2) return all;
    const first = named.turn[family]++ % all.length;
    return [...all.slice(first), ...all.slice(0, first)];
  }

  /** As `Zone.nameOf`: `container.network`. */
  nameOf(key: string): Buffer | undefined {
    return this.#byAddress.get(key);
  }
}

/** A network that a container is in. */
export interface ViewedNetwork {
  readonly names: NetworkNames;
  /** What this container alone calls others in it, as keys: from the alias to a name that the network knows. */
  readonly links: ReadonlyMap<string, string>;
}

/** `links` are the aliases that this container has for others in the network (`--link web:db`: `db` for `web`). */
export function viewedNetwork(names: NetworkNames, links: Iterable<readonly [alias: string, name: string]> = []): ViewedNetwork {
  return { names, links: new Map([...links].map(([alias, name]) => [nameKey(alias), nameKey(name)])) };
}

/** What one container can ask for: the names of its networks, the first that has the name first, also as `name.network`. */
export class ContainerZone implements Zone {
  readonly keepsBareNames: boolean;
  readonly #networks: () => readonly ViewedNetwork[];

  /** `networks` is asked at each question: networks come and go while the container runs. */
  constructor(networks: () => readonly ViewedNetwork[], keepsBareNames = false) {
    this.#networks = networks;
    this.keepsBareNames = keepsBareNames;
  }

  find(key: string, family: 4 | 6): readonly Buffer[] | undefined {
    const networks = this.#networks();
    const whole = findIn(networks, key, family);
    if (whole !== undefined) return whole;
    // names and networks may have dots: a.b.c is also a.b in c, and a in b.c
    for (let dot = key.lastIndexOf('.'); dot > 0; dot = key.lastIndexOf('.', dot - 1)) {
      const network = key.slice(dot + 1);
      const inside = networks.filter(({ names }) => names.key === network);
      const found = inside.length === 0 ? undefined : findIn(inside, key.slice(0, dot), family);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  nameOf(key: string): Buffer | undefined {
    for (const { names } of this.#networks()) {
      const name = names.nameOf(key);
      if (name !== undefined) return name;
    }
    return undefined;
  }
}

/** Links are asked first in all networks. A network that has the name without an address leaves it to the next one. */
function findIn(networks: readonly ViewedNetwork[], key: string, family: 4 | 6): readonly Buffer[] | undefined {
  let found: readonly Buffer[] | undefined;
  for (const linked of [true, false]) {
    for (const { names, links } of networks) {
      const target = links.get(key);
      if ((target !== undefined) !== linked) continue;
      const here = names.find(target ?? key, family);
      if (here !== undefined && here.length > 0) return here;
      found ??= here;
    }
    if (found !== undefined) return found;
  }
  return undefined;
}
