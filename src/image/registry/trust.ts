/** Whom to trust: insecure registries, and the certificates of Docker's `certs.d`. */
import { lookup } from 'node:dns/promises';
import { readdir, readFile, stat } from 'node:fs/promises';
import type { BlockList } from 'node:net';
import { EngineError, invalid } from '../../base/errors.ts';
import { bareHost, inCidr, isLoopback, parseCidr } from './proxy.ts';

/** Hosts that may be spoken to without TLS, or with a certificate that nothing vouches for. */
export class InsecureHosts {
  readonly #names = new Set<string>();
  readonly #networks: BlockList[] = [];

  /** Hosts, `host:port`s and CIDRs. Throws `invalid`. */
  constructor(entries: readonly string[] = []) {
    for (const entry of entries) {
      const cidr = parseCidr(entry);
      if (cidr !== undefined) this.#networks.push(cidr);
      else if (/[/\s@]/.test(entry) || entry === '')
        throw invalid(`insecure registry ${JSON.stringify(entry)} is not valid: it must be a host, host:port or CIDR`);
      else this.#names.add(entry.toLowerCase());
    }
  }

  /**
   * `host` may have a port. A name is looked up for the CIDRs that were given, as Docker does; for loopback it counts only
   * as what it says, since whoever answers DNS could otherwise turn TLS off.
   */
  async includes(host: string): Promise<boolean> {
    const url = URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined;
    if (url === undefined) return false;
    const name = bareHost(url.hostname);
    if (isLoopback(name) || this.#names.has(host.toLowerCase()) || this.#names.has(url.hostname) || this.#names.has(name)) return true;
    if (this.#networks.length === 0) return false;
    const addresses = await lookup(name, { all: true }).catch(() => []);
    return addresses.length > 0 && addresses.every(({ address }) => this.#networks.some((network) => inCidr(network, address)));
  }
}

export interface HostCertificates {
  /** PEM, besides the system's. */
  readonly ca: readonly string[];
  readonly clients: readonly { readonly cert: string; readonly key: string }[];
}

/** What `certs.d/HOST` holds: `*.crt` are authorities, `X.cert` with `X.key` a client's certificate. Nothing for no folder. */
export async function readCertificates(folder: string | undefined, host: string): Promise<HostCertificates> {
  if (folder === undefined || !isFolderName(host)) return { ca: [], clients: [] };
  const place = `${folder}/${host}`;
  const names = await readdir(place).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw new EngineError('unavailable', `cannot read ${place}: ${error.message}`, { cause: error });
  });
  const read = (name: string) =>
    readFile(`${place}/${name}`, 'latin1').catch((error: Error) => {
      throw new EngineError('unavailable', `cannot read ${place}/${name}: ${error.message}`, { cause: error });
    });
  const ending = (suffix: string) => names.filter((name) => name.endsWith(suffix)).toSorted();
  for (const name of ending('.cert')) {
    if (!names.includes(name.replace(/cert$/, 'key'))) {
      throw invalid(`missing key ${name.replace(/cert$/, 'key')} for client certificate ${name}. CA certificates must use the extension .crt`);
    }
  }
  for (const name of ending('.key')) {
    if (!names.includes(name.replace(/key$/, 'cert'))) throw invalid(`missing client certificate ${name.replace(/key$/, 'cert')} for key ${name}`);
  }
  return {
    ca: await Promise.all(ending('.crt').map(read)),
    clients: await Promise.all(ending('.cert').map(async (name) => ({ cert: await read(name), key: await read(name.replace(/cert$/, 'key')) }))),
  };
}

/** Changes when a file comes or goes in `certs.d/HOST`. */
export async function certificatesStamp(folder: string | undefined, host: string): Promise<string> {
  if (folder === undefined || !isFolderName(host)) return '';
  return stat(`${folder}/${host}`).then(
    ({ mtimeMs }) => String(mtimeMs),
    () => '',
  );
}

/** A host is no path: what a reference can hold has neither slash nor dots alone, and this makes sure of it. */
function isFolderName(host: string): boolean {
  return /^[A-Za-z0-9.:[\]-]+$/.test(host) && !/^\.+$/.test(host);
}

/** Where distributions keep their authorities, as Go's programs look for them. */
const SYSTEM_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** The system's authorities in PEM, besides the ones that Node brings; empty where there are none. */
export async function systemAuthorities(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const own = env['SSL_CERT_FILE'];
  for (const file of own === undefined || own === '' ? SYSTEM_FILES : [own]) {
    const text = await readFile(file, 'latin1').catch(() => '');
    if (text !== '') return text;
  }
  return '';
}
