/** Volumes on an engine in this process, with each way of keeping layers, and over a socket. */
import { apiRoutes } from '../../src/api/routes.ts';
import { connectEngine } from '../../src/client/engine.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { serveRoutes } from '../support/api-ground.ts';
import { tempFor } from '../support/temp.ts';
import { volumesSuite } from './volumes.suite.ts';

const local = (options: { readonly owner: boolean; readonly storageDriver?: 'overlay' }) => async () => {
  const folder = tempFor({ after: () => {} });
  const engine = openEngine({ stateDir: `${folder}/state`, dataRoot: `${folder}/data`, ...options });
  return { engine, dataRoot: `${folder}/data`, close: () => engine.close() };
};

volumesSuite('volumes in this process', local({ owner: true }));
volumesSuite('volumes in this process, beside others, on overlay', local({ owner: false, storageDriver: 'overlay' }));
volumesSuite('volumes over HTTP', async () => {
  const { engine, dataRoot, close } = await local({ owner: true })();
  const hooks: (() => unknown)[] = [];
  const routes = apiRoutes.filter(({ path }) => path !== '/_ping');
  const client = connectEngine(await serveRoutes({ after: (hook) => hooks.push(hook) }, routes, engine));
  return {
    engine: client,
    dataRoot,
    close: async () => {
      await client.close();
      for (const hook of hooks) await hook();
      await close();
    },
  };
});
