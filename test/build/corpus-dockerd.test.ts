/** The corpus on a real dockerd 28: that tests the suite. With KOBAKO_RECORD=1 it writes what is expected. */
import { noDockerClient } from '../support/docker-client.ts';
import { noPeers } from '../support/peers.ts';
import { noNpm } from './bases.ts';
import { corpusSuite } from './corpus.suite.ts';
import { openDockerd } from './ground.ts';

const missing = noPeers() ?? (await noDockerClient());
const npm = await noNpm();

corpusSuite('dockerd 28', openDockerd, {
  skip: missing ?? false,
  without: ({ bases = [], byHand }) => byHand ?? (bases.includes('npm') ? npm : undefined),
});
