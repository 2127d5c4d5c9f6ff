/** Node's helper threads (libuv's pool), on which files are read and bytes are unpacked for whoever asks. */
import { stat } from 'node:fs';

/**
 * Has them made, if they are not there yet: they come with the first work for them, all at once, and share root, working
 * folder and namespaces with the thread that had it (clone(2), CLONE_FS). So it must be one that stays where it is: call
 * this before a thread changes its root or its network namespace.
 */
export function startHelperThreads(): void {
  stat('/', () => {});
}
