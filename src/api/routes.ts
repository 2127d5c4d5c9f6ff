/** All that the HTTP door answers. */
import { lifecycleRoutes } from './containers/lifecycle.ts';
import { containerObserveRoutes } from './containers/observe.ts';
import { streamRoutes } from './containers/streams.ts';
import type { Route } from './contract.ts';
import { imageRoutes } from './images/routes.ts';
import { pingRoutes } from './system/ping.ts';

export const apiRoutes: readonly Route[] = [...pingRoutes, ...lifecycleRoutes, ...streamRoutes, ...containerObserveRoutes, ...imageRoutes];
