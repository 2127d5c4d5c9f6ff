/** Where a daemon listens, as `DOCKER_HOST` says it. */
import { invalid } from '../base/errors.ts';

export interface Address {
  /** As it was given: for messages. */
  readonly url: string;
  readonly tls: boolean;
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
}

const PORT = { tcp: 2375, http: 2375, https: 2376 } as const;

/** `unix:///run/kobako.sock`, `tcp://host:port`, `http://…`, `https://…`. Throws `invalid`. */
export function parseAddress(url: string, tls = false): Address {
  const [scheme, rest] = /^([a-z]+):\/\/(.*)$/s.exec(url)?.slice(1) ?? [];
  if (scheme === undefined || rest === undefined) throw invalid(`unable to parse docker host \`${url}\``);
  if (scheme === 'unix') {
    if (!rest.startsWith('/') || rest.includes('\0')) throw invalid(`invalid address ${JSON.stringify(url)}: a socket's path begins with a slash`);
    return { url, tls: false, socketPath: rest };
  }
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
