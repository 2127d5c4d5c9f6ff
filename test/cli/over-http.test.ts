/** The commands on an engine behind a socket. */
import { apiRoutes } from '../../src/api/routes.ts';
import { connectEngine } from '../../src/client/engine.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { serveRoutes } from '../support/api-ground.ts';
import { tempFor } from '../support/temp.ts';
import { commandsOnContainers } from './containers.suite.ts';

commandsOnContainers('commands over HTTP', async () => {
  const folder = tempFor({ after: () => {} });
  const local = openEngine({ stateDir: `${folder}/state`, dataRoot: `${folder}/data`, owner: true });
  const hooks: (() => unknown)[] = [];
  const routes = apiRoutes.filter(({ path }) => path !== '/_ping');
  const engine = connectEngine(await serveRoutes({ after: (hook) => hooks.push(hook) }, routes, local));
  const close = async () => {
    await engine.close();
    for (const hook of hooks) await hook();
    await local.close();
  };
  return { engine, close };
});
