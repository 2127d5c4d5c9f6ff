/**
 * What a program imports: `import { openEngine } from 'kobako'`. The engine runs in the program's own process; it needs
 * root, Linux, and nothing that is installed beside it.
 */
export { EngineError, type ErrorKind } from './base/errors.ts';
export type { Digest } from './base/digest.ts';
export * from './engine/contract.ts';
export type * from './engine/images-contract.ts';
export { openEngine } from './engine/open-engine.ts';
export { connectEngine, type ConnectOptions } from './client/engine.ts';
export type * from './engine/containers-contract.ts';
export * from './engine/leases-contract.ts';
export type * from './engine/system-contract.ts';
export type * from './engine/types/container.ts';
export type * from './engine/types/container-answers.ts';
