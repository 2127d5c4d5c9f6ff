/** Testcontainers' modules on a real dockerd: that tests the suite. */
import { APPS_ENGINES } from './apps-ground.ts';
import { testcontainersModulesSuite } from './testcontainers-modules.suite.ts';

testcontainersModulesSuite(APPS_ENGINES.dockerd);
