/** The commands on an engine behind a socket. */
import { remoteBuildRoutes } from '../../src/api/kobako/builds.ts';
import { apiRoutes } from '../../src/api/routes.ts';
import { connectEngine } from '../../src/client/engine.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { serveRoutes } from '../support/api-ground.ts';
import { tempFor } from '../support/temp.ts';
import { commandsOnBuilds } from './builds.suite.ts';
import { commandsOnContainers } from './containers.suite.ts';
import { commandsOnImages } from './images.suite.ts';
import { commandsOnVolumes } from './volumes.suite.ts';
import { commandsOnNetworks } from './networks.suite.ts';

const open = async () => {
  const folder = tempFor({ after: () => {} });
  const local = openEngine({ stateDir: `${folder}/state`, dataRoot: `${folder}/data`, owner: true });
  const hooks: (() => unknown)[] = [];
  const routes = [...apiRoutes.filter(({ path }) => path !== '/_ping'), ...remoteBuildRoutes(`${folder}/run`)];
  const engine = connectEngine(await serveRoutes({ after: (hook) => hooks.push(hook) }, routes, local));
  const close = async () => {
    await engine.close();
    for (const hook of hooks) await hook();
    await local.close();
  };
  return { engine, close };
};

commandsOnContainers('commands on containers over HTTP', open);
commandsOnImages('commands on images over HTTP', open);
commandsOnVolumes('commands on volumes over HTTP', open);
commandsOnNetworks('commands on networks over HTTP', open);
commandsOnBuilds('commands on builds over HTTP', open);
