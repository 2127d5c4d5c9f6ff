/** The commands on an engine in this process. */
import { openEngine } from '../../src/engine/open-engine.ts';
import { tempFor } from '../support/temp.ts';
import { commandsOnBuilds } from './builds.suite.ts';
import { commandsOnContainers } from './containers.suite.ts';
import { commandsOnImages } from './images.suite.ts';
import { commandsOnVolumes } from './volumes.suite.ts';
import { commandsOnNetworks } from './networks.suite.ts';

const open = async () => {
  const folder = tempFor({ after: () => {} });
  const engine = openEngine({ stateDir: `${folder}/state`, dataRoot: `${folder}/data`, owner: true });
  return { engine, close: () => engine.close() };
};

commandsOnContainers('commands on containers in this process', open);
commandsOnImages('commands on images in this process', open);
commandsOnVolumes('commands on volumes in this process', open);
commandsOnNetworks('commands on networks in this process', open);
commandsOnBuilds('commands on builds in this process', open);
