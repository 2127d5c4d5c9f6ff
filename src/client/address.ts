/** Where a daemon listens, as `DOCKER_HOST` says it. */
import { invalid } from '../base/errors.ts';
import type { SshTarget } from '../base/ssh-target.ts';

export interface Address {
  /** As it was given: for messages. */
  readonly url: string;
  readonly tls: boolean;
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
  /** The machine that the socket is on: its own daemon's where no path is given. */
  readonly ssh?: SshTarget;
}

const PORT = { tcp: 2375, http: 2375, https: 2376 } as const;

/** `unix:///run/kobako.sock`, `tcp://host:port`, `http://…`, `https://…`, `ssh://[user@]host[:port][/path]`. Throws `invalid`. */
export function parseAddress(url: string, tls = false): Address {
  const [scheme, rest] = /^([a-z]+):\/\/(.*)$/s.exec(url)?.slice(1) ?? [];
  if (scheme === undefined || rest === undefined) throw invalid(`unable to parse docker host \`${url}\``);
  if (scheme === 'unix') {
    if (!rest.startsWith('/') || rest.includes('\0')) throw invalid(`invalid address ${JSON.stringify(url)}: a socket's path begins with a slash`);
    return { url, tls: false, socketPath: rest };
  }
  if (scheme === 'ssh') return sshAddress(url);
  if (!Object.hasOwn(PORT, scheme)) throw invalid(`invalid address ${JSON.stringify(url)}: ${scheme} is not supported`);
  const secure = tls || scheme === 'https';
  const parsed = URL.canParse(`http://${rest}`) ? new URL(`http://${rest}`) : undefined;
  if (parsed === undefined || parsed.username !== '' || !['', '/'].includes(parsed.pathname)) throw invalid(`invalid bind address format: ${url}`);
  // URL drops the default port of its scheme
  const port = /:(\d+)\/?$/.exec(rest)?.[1];
  return {
    url,
    tls: secure,
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? (secure ? PORT.https : PORT[scheme as 'tcp']) : Number(port),
  };
}

/** As docker takes it. */
function sshAddress(url: string): Address {
  const parsed = URL.parse(url);
  const refuse = (why: string) => invalid(`invalid SSH URL: ${why}`);
  if (parsed === null || parsed.hostname === '') throw refuse('no host specified');
  if (parsed.password !== '') throw refuse('plain-text password is not supported');
  if (parsed.search !== '') throw refuse(`query parameters are not allowed: ${JSON.stringify(parsed.search.slice(1))}`);
  if (parsed.hash !== '') throw refuse(`fragments are not allowed: ${JSON.stringify(parsed.hash.slice(1))}`);
  const [host, user, path] = [parsed.hostname.replace(/^\[(.*)\]$/, '$1'), decoded(parsed.username), decoded(parsed.pathname)];
  // ssh would take them for options
  if (host.startsWith('-') || user.startsWith('-')) throw refuse(`invalid host or user ${JSON.stringify(host.startsWith('-') ? host : user)}`);
  if (/\p{Cc}/u.test(path + user)) throw refuse('control characters');
  return {
    url,
    tls: false,
    ssh: { host, ...(user === '' ? {} : { user }), ...(parsed.port === '' ? {} : { port: Number(parsed.port) }) },
    ...(path === '' || path === '/' ? {} : { socketPath: path }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`invalid SSH URL: ${JSON.stringify(text)}`);
  }
}
