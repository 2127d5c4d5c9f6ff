/**
 * Our engine in a process of its own: does what `images.ts` orders, and says how long it took and what it cost. No
 * TypeScript, and the bundle as it is shipped: the compiler's memory would be counted as the engine's.
 */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** @import * as Kobako from '../src/index.ts' */
/** @import { Order } from './image-contestants.ts' */

const { DEFAULT_RUN, openEngine } = /** @type {typeof Kobako} */ (createRequire(import.meta.url)('../dist/index.cjs'));

const [driver, folder] = /** @type {['erofs' | 'overlay', string]} */ (process.argv.slice(2));
const engine = openEngine({ stateDir: `${folder}-state`, dataRoot: folder, storageDriver: driver, registries: { insecure: ['10.233.0.0/16'] } });
const { images } = engine;
const delay = monitorEventLoopDelay({ resolution: 1 });

/** @param {Order} order */
async function obey({ task, name, newName = '', archive = '' }) {
  switch (task) {
    case 'load':
      return void (await images.load(archive));
    case 'pull':
      return void (await images.pull(name));
    case 'push':
      return images.push(name);
    case 'tag':
      return images.tag(name, newName);
    case 'run': {
      await images.pull(name);
      delay.disable(); // the promise is about pulls; what comes now is the start of a container
      const running = await engine.run({ ...DEFAULT_RUN, image: name, args: ['/bin/echo', 'hi'], autoRemove: true, logDriver: 'none' }, {});
      return void (await running.wait());
    }
    case 'remove': {
      const id = (await images.inspect(name).catch(() => undefined))?.id;
      if (id !== undefined) await images.remove(id, { force: true });
    }
  }
}

/** What is removed in the background is not part of the next task. */
async function tidied() {
  const trash = `${folder}/${driver}/trash`;
  while (existsSync(trash) && readdirSync(trash).length > 0) await sleep(10);
}

process.on('message', async (/** @type {Order} */ order) => {
  delay.reset();
  delay.enable();
  const start = performance.now();
  const before = process.cpuUsage();
  const error = await obey(order).then(
    () => undefined,
    (/** @type {Error} */ failed) => failed.message,
  );
  const ms = performance.now() - start;
  delay.disable();
  const { user, system } = process.cpuUsage(before);
  await tidied();
  process.send?.({ ms, cpu: (user + system) / 1000, rss: process.resourceUsage().maxRSS * 1024, stall: delay.max / 1e6, error });
});
process.on('disconnect', () => void engine.close());
