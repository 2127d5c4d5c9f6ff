/** Networks, on the engine in this process and through the daemon's door and its client. */
import { apiRoutes } from '../../src/api/routes.ts';
import { connectEngine } from '../../src/client/engine.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { serveRoutes } from '../support/api-ground.ts';
import { tempFor } from '../support/temp.ts';
import { networksSuite } from './networks.suite.ts';

const openLocal = (owner: boolean) => {
  const hooks: (() => unknown)[] = [];
  const folder = tempFor({ after: (hook) => void hooks.push(hook) });
  const engine = openEngine({ stateDir: `${folder}/state`, dataRoot: `${folder}/data`, owner });
  const close = async () => {
    await engine.close();
    for (const hook of hooks) hook();
  };
  return { engine, close };
};

networksSuite('networks in this process', async () => openLocal(true));
networksSuite('networks where other processes may work, too', async () => openLocal(false));
networksSuite('networks over HTTP', async () => {
  const local = openLocal(true);
  const hooks: (() => unknown)[] = [];
  const routes = apiRoutes.filter(({ path }) => path !== '/_ping');
  const engine = connectEngine(await serveRoutes({ after: (hook) => void hooks.push(hook) }, routes, local.engine));
  const close = async () => {
    await engine.close();
    for (const hook of hooks) await hook();
    await local.close();
  };
  return { engine, close };
});
