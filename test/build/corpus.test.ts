/** The corpus on our engine, or on the one that DOCKER_HOST names, which reaches this machine at KOBAKO_BUILD_ADDRESS (default 127.0.0.1). */
import { noDockerClient } from '../support/docker-client.ts';
import { noNpm } from './bases.ts';
import { corpusSuite } from './corpus.suite.ts';
import { DEVIATIONS } from './deviations.ts';
import { openKobako } from './ground.ts';

const missing = await noDockerClient();
const npm = await noNpm();

corpusSuite(process.env['DOCKER_HOST'] === undefined ? 'kobako' : 'the engine at DOCKER_HOST', openKobako, {
  skip: missing ?? false,
  oneBuilder: true,
  every: 3,
  deviations: DEVIATIONS,
  without: ({ bases = [] }) => (bases.includes('npm') ? npm : undefined),
});
