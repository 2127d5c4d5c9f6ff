/** Everything under /images, and what else asks registries. */
import type { Route } from '../contract.ts';
import { getOne, getSeveral, load } from './archives.ts';
import { prune, remove, tag } from './change.ts';
import { history, inspect, list } from './look.ts';
import { auth, create, distribution, push, search } from './registries.ts';

export const imageRoutes: readonly Route[] = [
  { method: 'GET', path: '/images/json', handler: list },
  { method: 'GET', path: '/images/search', handler: search },
  { method: 'GET', path: '/images/get', handler: getSeveral },
  { method: 'GET', path: '/images/{name...}/get', handler: getOne },
  { method: 'GET', path: '/images/{name...}/history', handler: history },
  { method: 'GET', path: '/images/{name...}/json', handler: inspect },
  { method: 'POST', path: '/images/create', handler: create },
  { method: 'POST', path: '/images/load', handler: load },
  { method: 'POST', path: '/images/prune', handler: prune },
  { method: 'POST', path: '/images/{name...}/push', handler: push },
  { method: 'POST', path: '/images/{name...}/tag', handler: tag },
  { method: 'DELETE', path: '/images/{name...}', handler: remove },
  { method: 'GET', path: '/distribution/{name...}/json', handler: distribution },
  { method: 'POST', path: '/auth', handler: auth },
];
