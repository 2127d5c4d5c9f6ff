/** Which proxy a request goes through, by the environment, as Go's programs (Docker among them) read it. */
import { BlockList, isIP } from 'node:net';
import { invalid } from '../../base/errors.ts';

/** Of proxies. */
const KINDS: ReadonlySet<string> = new Set(['http:', 'https:', 'socks5:', 'socks5h:']);

export type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy for a URL; undefined for none. Loopback never goes through one. Throws `invalid` for what is no proxy's address. */
export function proxyFor(url: URL, env: Environment): URL | undefined {
  const names = url.protocol === 'https:' ? ['HTTPS_PROXY', 'https_proxy'] : ['HTTP_PROXY', 'http_proxy'];
  const value = first(env, names);
  if (value === undefined) return undefined;
  const host = bareHost(url.hostname);
  if (isLoopback(host) || isExcepted(host, effectivePort(url), first(env, ['NO_PROXY', 'no_proxy']) ?? '')) return undefined;
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (!URL.canParse(text)) throw invalid(`invalid proxy address in ${names[0]}`);
  const proxy = new URL(text);
  if (!KINDS.has(proxy.protocol)) throw invalid(`${names[0]}: a proxy of kind ${proxy.protocol.slice(0, -1)} is not supported`);
  return proxy;
}

/** `Proxy-Authorization` for the user that a proxy's URL names. */
export function proxyAuthorization(proxy: URL): string | undefined {
  if (proxy.username === '' && proxy.password === '') return undefined;
  return `Basic ${Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64')}`;
}

export function isLoopback(host: string): boolean {
  const name = bareHost(host).toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return isIP(name) !== 0 && LOOPBACK.check(name, isIP(name) === 6 ? 'ipv6' : 'ipv4');
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Without an IPv6 address's brackets. */
export function bareHost(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

/** `10.0.0.0/8` as a set of addresses; undefined for what is none. */
export function parseCidr(text: string): BlockList | undefined {
  const [address = '', bits = '', ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 6 ? 128 : 32)) return undefined;
  const set = new BlockList();
  set.addSubnet(address, Number(bits), family === 6 ? 'ipv6' : 'ipv4');
  return set;
}

export function inCidr(set: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && set.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

function isExcepted(host: string, port: string, list: string): boolean {
  return list.split(/[\s,]+/).some((entry) => entry !== '' && excepts(entry.toLowerCase(), host.toLowerCase(), port));
}

function excepts(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const cidr = parseCidr(entry);
  if (cidr !== undefined) return inCidr(cidr, host);
  const withPort = isIP(bareHost(entry)) === 0 ? /^(.*):(\d+)$/.exec(entry) : null;
  if (withPort !== null && withPort[2] !== port) return false;
  const name = bareHost(withPort?.[1] ?? entry);
  if (isIP(name) !== 0) return name === host;
  if (name.startsWith('*.')) return host.endsWith(name.slice(1));
  return name.startsWith('.') ? host.endsWith(name) : host === name || host.endsWith(`.${name}`);
}

function effectivePort(url: URL): string {
  return url.port !== '' ? url.port : url.protocol === 'https:' ? '443' : '80';
}

function first(env: Environment, names: readonly string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== '');
}
