/** Our engine in a process of its own: does what `images.ts` orders, and says how long it took and what it cost. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createRequire } from 'node:module';
import type * as Kobako from '../src/index.ts';
import type { Answer, Order } from './image-contestants.ts';

// the bundle, as it is shipped: sources would bring the compiler's memory along
const { DEFAULT_RUN, openEngine } = createRequire(import.meta.url)('../dist/index.cjs') as typeof Kobako;

const [driver, folder] = process.argv.slice(2) as ['erofs' | 'overlay', string];
const engine = openEngine({ stateDir: `${folder}-state`, dataRoot: folder, storageDriver: driver, registries: { insecure: ['10.233.0.0/16'] } });
const { images } = engine;

async function obey({ task, name, newName = '', archive = '' }: Order): Promise<void> {
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
      const running = await engine.run({ ...DEFAULT_RUN, image: name, args: ['/bin/echo', 'hi'], autoRemove: true, logDriver: 'none' }, {});
      return void (await running.wait());
    }
    case 'remove': {
      const id = (await images.inspect(name).catch(() => undefined))?.id;
      if (id !== undefined) await images.remove(id, { force: true });
    }
  }
}

process.on('message', (order: Order) => {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  const before = process.cpuUsage();
  const answer = (more: Partial<Answer>) => {
    delay.disable();
    const { user, system } = process.cpuUsage(before);
    process.send!({
      ms: performance.now() - start,
      cpu: (user + system) / 1000,
      rss: process.resourceUsage().maxRSS * 1024,
      stall: delay.max / 1e6,
      ...more,
    } satisfies Answer);
  };
  obey(order).then(
    () => answer({}),
    (error: Error) => answer({ error: error.message }),
  );
});
process.on('disconnect', () => void engine.close());
