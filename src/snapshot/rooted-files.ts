/** The main thread's side of `RootedFiles`: each call is a task of a worker. */
import { ByteSender, type Post } from './byte-sender.ts';
import type { RootedFiles } from './contract.ts';
import { piecesOf } from './pieces.ts';
import type { WorkerPool } from './worker-pool.ts';

export function rootedFiles(pool: WorkerPool): RootedFiles {
  return {
    stat: (root, path) => pool.do({ kind: 'stat', root, path }),
    list: (root, path) => pool.do({ kind: 'list', root, path }),
    usage: (root) => pool.do({ kind: 'usage', path: root }),
    archive: (root, path, options = {}) => piecesOf(pool, { kind: 'archive', root, path, options }),
    async unpack(root, path, tar, options = {}) {
      const ready = Promise.withResolvers<void>();
      ready.promise.catch(() => {});
      let post: Post = () => {};
      const sender = new ByteSender((message, transfer) => post(message, transfer));
      const running = await pool.run<'unpack'>({ kind: 'unpack', root, path, options }, (event) => {
        if (event.event === 'ready') ready.resolve();
        else if (event.event === 'taken') sender.onTaken(event);
      });
      post = running.post;
      running.result.then(
        () => sender.end(),
        (error: Error) => {
          sender.end(error);
          ready.reject(error);
        },
      );
      try {
        await ready.promise;
        for await (const chunk of tar) await sender.write(chunk);
        sender.flush();
        running.post({ op: 'end' });
      } catch (error) {
        running.post({ op: 'abort' });
        await running.result.catch(() => {});
        throw error;
      }
      await running.result;
    },
  };
}
