/** `docker compose` with a real application on our daemon, and on a real dockerd. */
import { APPS_ENGINES } from './apps-ground.ts';
import { composeSuite } from './compose.suite.ts';

for (const engine of Object.values(APPS_ENGINES)) composeSuite(engine);
