/** A connection to where a daemon listens. */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type SecureContextOptions } from 'node:tls';
import { EngineError } from '../base/errors.ts';
import type { SshTarget } from '../base/ssh-target.ts';
import type { Address } from './address.ts';

/** A connection to the standard streams of a command on another machine. */
export type SshDoor = (target: SshTarget, command: string) => Socket;

export interface DialOptions {
  /** For `tcp://` with TLS: certificates as node:tls takes them. */
  readonly tls?: SecureContextOptions | undefined;
  /** For `ssh://`. */
  readonly ssh?: SshDoor | undefined;
}

/** Later errors are the socket's. Throws `unavailable` for `ssh://` without a door. */
export function dial({ url, socketPath, host, port, tls, ssh }: Address, options: DialOptions): Socket {
  if (ssh !== undefined) {
    if (options.ssh === undefined) throw new EngineError('unavailable', `${url}: there is no ssh here`);
    return options.ssh(ssh, remoteCommand(socketPath));
  }
  if (socketPath !== undefined) return connect({ path: socketPath, allowHalfOpen: true });
  const to = { host: host!, port: port!, allowHalfOpen: true };
  return tls ? connectTls({ ...options.tls, ...to, ...(isIP(host!) === 0 ? { servername: host! } : {}) }) : connect(to);
}

/** For the shell there. Docker's own command does it, too. */
function remoteCommand(socketPath: string | undefined): string {
  const host = socketPath === undefined ? '' : ` --host '${`unix://${socketPath}`.replaceAll("'", `'\\''`)}'`;
  return `if command -v kobako >/dev/null; then exec kobako${host} system dial-stdio; else exec docker${host} system dial-stdio; fi`;
}
