/** The commands on an engine in this process. */
import { openEngine } from '../../src/engine/open-engine.ts';
import { tempFor } from '../support/temp.ts';
import { commandsOnContainers } from './containers.suite.ts';

commandsOnContainers('commands in this process', async () => {
  const folder = tempFor({ after: () => {} });
  const engine = openEngine({ stateDir: `${folder}/state`, dataRoot: `${folder}/data`, owner: true });
  return { engine, close: () => engine.close() };
});
