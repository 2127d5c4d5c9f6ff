/** Dev containers on our daemon, and on a real dockerd. */
import { APPS_ENGINES } from './apps-ground.ts';
import { devcontainersSuite } from './devcontainers.suite.ts';

for (const engine of Object.values(APPS_ENGINES)) devcontainersSuite(engine);
