/** Where the daemon listens, as dockerd's `-H` has it. */
import { invalid } from '../base/errors.ts';

export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** Sockets that systemd opened: by name or number, all for ''. */
  | { readonly kind: 'fd'; readonly name: string };

/** `unix://PATH`, `tcp://HOST:PORT` (the port may be 0, and is `defaultPort` when left out), `fd://`, `fd://NAME`. Throws `invalid`. */
export function parseListenAddress(text: string, defaultPort: number): ListenAddress {
  const parts = /^(unix|tcp|fd):\/\/(.*)$/s.exec(text);
  if (parts === null) throw invalid(`invalid bind address (${text}): use unix://PATH, tcp://HOST:PORT or fd://`);
  const [, kind, rest] = parts as unknown as [string, ListenAddress['kind'], string];
  switch (kind) {
    case 'unix':
      if (!rest.startsWith('/') || rest.endsWith('/')) throw invalid(`invalid bind address (${text}): a Unix socket needs an absolute path`);
      // sockaddr_un; the kernel would cut a longer one off
      if (Buffer.byteLength(rest) > 107) throw invalid(`invalid bind address (${text}): the path is longer than 107 bytes`);
      return { kind, path: rest };
    case 'tcp':
      return { kind, ...parseHostPort(text, rest, defaultPort) };
    case 'fd':
      return { kind, name: rest === '*' ? '' : rest };
  }
}

function parseHostPort(text: string, rest: string, defaultPort: number): { readonly host: string; readonly port: number } {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]]*))(?::(\d{1,5}))?\/?$/.exec(rest);
  const port = parts?.[3] === undefined ? defaultPort : Number(parts[3]);
  if (parts === null || port > 65_535) throw invalid(`invalid bind address (${text}): should be tcp://HOST:PORT`);
  return { host: parts[1] ?? (parts[2] || '127.0.0.1'), port };
}
