/** What the OCI command line needs of the engine, in one place. */
import { readInRoot } from '../kernel/linux/read-in-root.ts';
import { resolveUser as resolve } from '../runtime/users.ts';

export { CAPABILITIES } from '../kernel/constants.ts';
export { psLines } from '../kernel/linux/hooks.ts';
export type { Process, Resources } from '../runtime/spec.ts';
export type { CgroupStats } from '../cgroup/contract.ts';
export { defaultSpec } from '../runtime/default-spec.ts';
export { parseProcess, parseResources } from '../runtime/validate.ts';
export { ARCHES } from '../runtime/seccomp/arches.ts';
export { findHelper } from './open-engine.ts';
export { OciRuntime } from './oci-runtime.ts';
export type { CallerTerminal } from './oci-terminal.ts';

/** `--user` by the files of a root file system. */
export function resolveUser(root: string, text: string) {
  return resolve(text, { passwd: readInRoot(root, '/etc/passwd'), group: readInRoot(root, '/etc/group') });
}
