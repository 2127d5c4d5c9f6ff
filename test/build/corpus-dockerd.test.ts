/**
 * The corpus on a real dockerd 28: that tests the suite; a part of it, for all takes ten minutes. KOBAKO_RECORD=1 writes what
 * is expected: `KOBAKO_RECORD=1 KOBAKO_CASE= bin/node --test test/build/corpus-dockerd.test.ts`.
 */
import { noDockerClient } from '../support/docker-client.ts';
import { noPeers } from '../support/peers.ts';
import { noNpm } from './bases.ts';
import { corpusSuite } from './corpus.suite.ts';
import { openDockerd } from './ground.ts';

const missing = noPeers() ?? (await noDockerClient());
const npm = await noNpm();

corpusSuite('dockerd 28', openDockerd, {
  skip: missing ?? false,
  every: 40,
  without: ({ bases = [], byHand }) => byHand ?? (bases.includes('npm') ? npm : undefined),
});
