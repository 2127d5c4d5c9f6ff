/** A worker for thread-root.test.ts: makes a folder its root, and says what it can reach from there. */
import { closeSync, constants, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { linuxThreadRoot } from '../../src/kernel/linux/files.ts';

const folder = workerData as string;
const attempt = (what: () => string): string => {
  try {
    return what();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
};
const root = linuxThreadRoot();
const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
root.enter(fd);
const inside = {
  names: readdirSync('/').toSorted(),
  absolute: attempt(() => readFileSync('/etc-link/passwd', 'utf8')),
  climbing: attempt(() => readFileSync('/up/etc/passwd', 'utf8')),
  dots: attempt(() => readFileSync('../../../../../../etc/passwd', 'utf8')),
};
writeFileSync('/made', 'inside');
parentPort!.postMessage(inside);
parentPort!.once('message', () => {
  root.leave();
  closeSync(fd);
  parentPort!.postMessage(readFileSync('/etc/passwd', 'utf8').length > 0);
  parentPort!.close();
});
