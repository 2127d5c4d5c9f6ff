/** A connection through a SOCKS proxy: version 5 (RFC 1928), with a user's name and password where the proxy asks (RFC 1929). */
import { connect, isIPv4, isIPv6, type Socket } from 'node:net';
import { hostAndPort } from '../../base/host-and-port.ts';
import { NetworkError, networkError } from './network-error.ts';
import { bareHost } from './proxy.ts';
import { plainText } from './text.ts';

const VERSION = 5;
const PASSWORD_VERSION = 1;
const CONNECT = 1;
const METHODS = { none: 0, password: 2 } as const;
const ADDRESS = { ipv4: 1, name: 3, ipv6: 4 } as const;
/** By its code; Go's words. */
const REPLIES: readonly string[] = [
  'succeeded',
  'general SOCKS server failure',
  'connection not allowed by ruleset',
  'network unreachable',
  'host unreachable',
  'connection refused',
  'TTL expired',
  'command not supported',
  'address type not supported',
];

/** Whether a proxy's URL is of this kind. The proxy looks names up with both, as in Go. */
export function isSocks({ protocol }: URL): boolean {
  return protocol === 'socks5:' || protocol === 'socks5h:';
}

/** Names are looked up by the proxy. Throws `NetworkError` for a proxy that cannot be reached, or will not, or says nothing for `timeoutMs`. */
export async function connectSocks(proxy: URL, host: string, port: number, timeoutMs: number): Promise<Socket> {
  const proxyPort = Number(proxy.port || 1080);
  const path = plainText(`${proxy.hostname}:${proxyPort}->${hostAndPort(host, port)}`);
  const failed = (words: string, cause?: unknown, passing = false) =>
    new NetworkError(`socks connect tcp ${path}: ${words}`, { code: 'PROXY', passing }, { cause });
  const socket = connect({ host: bareHost(proxy.hostname), port: proxyPort });
  const dialogue = new Dialogue(socket);
  const timer = setTimeout(() => socket.destroy(failed(`no connection within ${timeoutMs} ms`, undefined, true)), timeoutMs);
  try {
    await agree(dialogue, proxy, addressOf(host, port));
    return socket;
  } catch (error) {
    socket.once('error', () => {}); // it may be on its way still
    socket.destroy();
    if (error instanceof NetworkError) throw error;
    if (error instanceof Refusal) throw failed(error.message, error);
    const described = networkError('CONNECT', proxy, error);
    throw failed(described.message.replace(/^Connect "[^"]*": /, ''), error, described.detail!.passing);
  } finally {
    clearTimeout(timer);
    dialogue.end();
  }
}

/** What the proxy says that ends the matter. */
class Refusal extends Error {}

async function agree(proxy: Dialogue, { username, password }: URL, address: Buffer): Promise<void> {
  const named = username !== '';
  const offered = named ? [METHODS.none, METHODS.password] : [METHODS.none];
  proxy.say(Buffer.from([VERSION, offered.length, ...offered]));
  const [version, method] = await proxy.hear(2);
  if (version !== VERSION) throw new Refusal(`unexpected protocol version ${version}`);
  if (method === METHODS.password && named) {
    const [user, secret] = [username, password].map((text) => Buffer.from(decodeURIComponent(text)));
    if (user!.length > 255 || secret!.length > 255) throw new Refusal('invalid username/password');
    proxy.say(Buffer.concat([Buffer.from([PASSWORD_VERSION, user!.length]), user!, Buffer.from([secret!.length]), secret!]));
    const [, status] = await proxy.hear(2);
    if (status !== 0) throw new Refusal('username/password authentication failed');
  } else if (method !== METHODS.none) throw new Refusal('no acceptable authentication methods');
  proxy.say(Buffer.concat([Buffer.from([VERSION, CONNECT, 0]), address]));
  const [answered, reply, , kind] = await proxy.hear(4);
  if (answered !== VERSION) throw new Refusal(`unexpected protocol version ${answered}`);
  if (reply !== 0) throw new Refusal(`unknown error ${REPLIES[reply!] ?? `unknown code: ${reply}`}`);
  // where the proxy is bound: nobody asks
  if (kind === ADDRESS.ipv4) await proxy.hear(4 + 2);
  else if (kind === ADDRESS.ipv6) await proxy.hear(16 + 2);
  else if (kind === ADDRESS.name) await proxy.hear((await proxy.hear(1))[0]! + 2);
  else throw new Refusal(`unknown address type ${kind}`);
}

function addressOf(host: string, port: number): Buffer {
  const end = [port >> 8, port & 0xff];
  if (isIPv4(host)) return Buffer.from([ADDRESS.ipv4, ...host.split('.').map(Number), ...end]);
  if (isIPv6(host)) return Buffer.from([ADDRESS.ipv6, ...ipv6Bytes(host), ...end]);
  const name = Buffer.from(host);
  if (name.length > 255) throw new NetworkError(`${host}: FQDN too long`, { code: 'PROXY', passing: false });
  return Buffer.concat([Buffer.from([ADDRESS.name, name.length]), name, Buffer.from(end)]);
}

/** A URL's host is in its shortest form, without a zone and without dots. */
function ipv6Bytes(host: string): number[] {
  const [before = [], after = []] = host.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const missing = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...missing, ...after].map((group) => Number.parseInt(group, 16)).flatMap((group) => [group >> 8, group & 0xff]);
}

/** Asks and answers over a socket, one after the other; what comes behind them stays in the socket. */
class Dialogue {
  readonly #socket: Socket;
  #wake = () => {};
  #over: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('readable', this.#came).on('error', this.#failed).on('end', this.#ended).on('close', this.#ended);
  }

  readonly #came = () => this.#wake();
  readonly #failed = (error: Error) => {
    this.#over ??= error;
    this.#wake();
  };
  readonly #ended = () => this.#failed(new Refusal('unexpected EOF'));

  say(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  async hear(count: number): Promise<Buffer> {
    for (;;) {
      const bytes = this.#socket.read(count) as Buffer | null;
      if (bytes?.length === count) return bytes;
      if (this.#over !== undefined) throw this.#over;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The socket is somebody else's now. */
  end(): void {
    this.#socket.off('readable', this.#came).off('error', this.#failed).off('end', this.#ended).off('close', this.#ended);
  }
}
