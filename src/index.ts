/**
 * What a program imports: `import { openEngine } from 'kobako'`. The engine runs in the program's own process; it needs
 * root, Linux, and nothing that is installed beside it.
 */
import { connectEngine as connect, type ConnectOptions } from './client/engine.ts';
import type { Engine } from './engine/contract.ts';
import { sshConnection } from './kernel/linux/ssh-program.ts';

export { EngineError, type ErrorKind } from './base/errors.ts';
export type { Digest } from './base/digest.ts';
export * from './engine/contract.ts';
export type * from './engine/images-contract.ts';
export { openEngine } from './engine/open-engine.ts';
export type { ConnectOptions } from './client/engine.ts';
export type * from './engine/containers-contract.ts';
export * from './engine/leases-contract.ts';
export type * from './engine/system-contract.ts';
export type * from './engine/types/container.ts';
export type * from './engine/types/container-answers.ts';

/**
 * An engine over `unix:///path`, `tcp://host:port`, `http://…`, `https://…`, or `ssh://[user@]host[:port][/path]` by this
 * machine's ssh. Nothing is sent before the first call. Throws `invalid` for an address that is none. Its methods throw
 * EngineError: of the kind that the daemon's status says and in its words, `unavailable` where it cannot be reached,
 * `cancelled`. Closing ends no call that is under way.
 */
export function connectEngine(url: string, options: ConnectOptions = {}): Engine {
  return connect(url, { ssh: sshConnection, ...options });
}
