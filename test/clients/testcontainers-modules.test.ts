/** Testcontainers' modules on our daemon. On a real dockerd: in a file, and so a process, of its own, since they look for an engine once. */
import { APPS_ENGINES } from './apps-ground.ts';
import { testcontainersModulesSuite } from './testcontainers-modules.suite.ts';

testcontainersModulesSuite(APPS_ENGINES.kobako);
