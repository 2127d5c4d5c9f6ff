/** All that the HTTP door answers. */
import { buildRoutes } from './build/routes.ts';
import { fileRoutes } from './containers/files.ts';
import { lifecycleRoutes } from './containers/lifecycle.ts';
import { containerObserveRoutes } from './containers/observe.ts';
import { streamRoutes } from './containers/streams.ts';
import type { Route } from './contract.ts';
import { imageRoutes } from './images/routes.ts';
import { leaseRoutes } from './kobako/leases.ts';
import { aboutRoutes } from './system/about.ts';
import { absentRoutes } from './system/absent.ts';
import { eventRoutes } from './system/events.ts';
import { networkRoutes } from './networks/routes.ts';
import { pingRoutes } from './system/ping.ts';
import { volumeRoutes } from './volumes/routes.ts';

export const apiRoutes: readonly Route[] = [
  ...pingRoutes,
  ...aboutRoutes,
  ...eventRoutes,
  ...lifecycleRoutes,
  ...streamRoutes,
  ...containerObserveRoutes,
  ...fileRoutes,
  ...imageRoutes,
  ...buildRoutes,
  ...networkRoutes,
  ...leaseRoutes,
  ...volumeRoutes,
  ...absentRoutes,
];
