/** Testcontainers' modules on our daemon, and on a real dockerd. */
import { APPS_ENGINES } from './apps-ground.ts';
import { testcontainersModulesSuite } from './testcontainers-modules.suite.ts';

for (const engine of APPS_ENGINES) testcontainersModulesSuite(engine);
