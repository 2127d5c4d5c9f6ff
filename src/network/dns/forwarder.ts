/** Names that are none of ours: other servers are asked, and their answer is passed on as it is. */
import { randomInt } from 'node:crypto';
import { datagramLimit, encodeStatus, isTruncated, RCODE, rcodeOf, withId, type Query } from './message.ts';
import { exchangeTcp, exchangeUdp, type Exchange, type NameServer, type OpenUpstream, type Outcome, type Transport } from './upstream.ts';

/** Docker's: how many servers are tried, and how long each has (ms). */
const SERVERS = 3;
const TIMEOUT_MS = 4000;
/** Docker's: questions of one container that are under way at a time. */
const QUESTIONS = 1024;
/** How long a server that said nothing is asked after the others, ms. */
const SHUNNED_MS = 30_000;

/** So many may be had at a time, of one's own and of what is shared with others: each question holds a socket of this process. */
export class Slots {
  readonly #shared: Slots | undefined;
  #free: number;

  constructor(size: number, shared?: Slots) {
    this.#free = size;
    this.#shared = shared;
  }

  take(): boolean {
    if (this.#free === 0 || this.#shared?.take() === false) return false;
    this.#free--;
    return true;
  }

  give(): void {
    this.#free++;
    this.#shared?.give();
  }
}

export interface ForwarderOptions {
  /** In the order to ask them, the first three; asked for at each question. Empty: nothing is passed on (a container that has internal networks only). */
  readonly servers: () => readonly NameServer[];
  readonly open: OpenUpstream;
  /** What all containers share. */
  readonly slots: Slots;
  readonly timeoutMs?: number;
}

/** Asks others for one container. Disposed of, it takes back all that is under way. */
export class Forwarder implements Disposable {
  readonly #options: ForwarderOptions;
  readonly #slots: Slots;
  readonly #underWay = new Set<() => void>();
  #disposed = false;
  /** By address: until when (ms, of `performance.now`) a server is asked last. */
  readonly #shunned = new Map<string, number>();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#slots = new Slots(QUESTIONS, options.slots);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const cancel of this.#underWay) cancel();
  }

  /**
   * What is to be said to the client: the first answer that is no failure of the server's own, with the client's id; SERVFAIL
   * when there is none, REFUSED when too many wait already. By UDP never more than the client takes: it is told to come
   * back by TCP.
   */
  async forward(query: Query, transport: Transport): Promise<Buffer> {
    if (!this.#slots.take()) return encodeStatus(query.bytes, query, RCODE.REFUSED);
    try {
      for (const server of this.#inOrder()) {
        const outcome = await this.#ask(server, query, transport);
        if (outcome === 'silent') this.#shunned.set(server.address, performance.now() + SHUNNED_MS);
        if (typeof outcome === 'string') continue;
        this.#shunned.delete(server.address);
        const rcode = rcodeOf(outcome);
        if (rcode === RCODE.SERVFAIL || rcode === RCODE.REFUSED) continue;
        if (transport === 'udp' && outcome.length > datagramLimit(query)) return encodeStatus(query.bytes, query, RCODE.NOERROR, true);
        return withId(outcome, query.bytes.readUInt16BE(0));
      }
      return encodeStatus(query.bytes, query, RCODE.SERVFAIL);
    } finally {
      this.#slots.give();
    }
  }

  #inOrder(): NameServer[] {
    const now = performance.now();
    const late = ({ address }: NameServer) => ((this.#shunned.get(address) ?? 0) > now ? 1 : 0);
    // 127.0.0.11 inside is this server itself
    const others = this.#options.servers().filter(({ address, host }) => host || address !== '127.0.0.11');
    return others.slice(0, SERVERS).toSorted((a, b) => late(a) - late(b));
  }

  /** As the client came. Some servers have no TCP, and answer by UDP at any length. */
  async #ask(server: NameServer, query: Query, transport: Transport): Promise<Outcome> {
    if (transport === 'udp') return this.#exchange(exchangeUdp, server, query);
    const outcome = await this.#exchange(exchangeTcp, server, query);
    if (outcome !== 'failed') return outcome;
    const short = await this.#exchange(exchangeUdp, server, query);
    return typeof short !== 'string' && isTruncated(short) ? 'failed' : short;
  }

  async #exchange(exchange: (exchange: Exchange) => Promise<Outcome>, server: NameServer, query: Query): Promise<Outcome> {
    if (this.#disposed) return 'failed';
    const { open, timeoutMs = TIMEOUT_MS } = this.#options;
    let cancel = () => {};
    const started = (taken: () => void) => this.#underWay.add((cancel = taken));
    try {
      return await exchange({ server, open, query, id: randomInt(0x1_0000), timeoutMs, started });
    } finally {
      this.#underWay.delete(cancel);
    }
  }
}
