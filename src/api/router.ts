/** Finds the route of a path: static parts before `{name}`, that before `{name...}`. Built once. */
import type { ApiVersion, Route } from './contract.ts';
import { unescapeUrl } from './query.ts';

export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

export const MIN_VERSION: ApiVersion = 24;
export const MAX_VERSION: ApiVersion = 51;

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({});

interface Node {
  readonly parts: Map<string, Node>;
  readonly routes: Map<string, Route>;
  param?: { readonly name: string; readonly node: Node };
  /** `{name...}`, each with the parts that follow it; the longest first. */
  readonly rests: { readonly name: string; readonly after: readonly string[]; readonly routes: Map<string, Route> }[];
}

export class Router {
  readonly #root = newNode();
  /** Paths without parameters, at one look. */
  readonly #fixed = new Map<string, Map<string, Route>>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route);
  }

  /** The path still has its escapes, and has no version. */
  find(method: string, path: string): Match | undefined {
    const fixed = this.#fixed.get(path)?.get(method);
    if (fixed !== undefined) return { route: fixed, params: NO_PARAMS };
    const params: Record<string, string> = {};
    const route = walk(this.#root, path.split('/').slice(1), 0, method, params);
    return route === undefined ? undefined : { route, params };
  }

  #add(route: Route): void {
    const parts = route.path.split('/').slice(1);
    if (!route.path.startsWith('/') || parts.includes('')) throw new Error(`${route.path} is no path of a route`);
    if (!route.path.includes('{')) put(this.#fixed.get(route.path) ?? set(this.#fixed, route.path, new Map()), route);
    let node = this.#root;
    for (const [at, part] of parts.entries()) {
      const param = /^\{(\w+)(\.\.\.)?\}$/.exec(part);
      if (param?.[2] !== undefined) return addRest(node, param[1]!, parts.slice(at + 1), route);
      if (param !== null) {
        node.param ??= { name: param[1]!, node: newNode() };
        if (node.param.name !== param[1]) throw new Error(`${route.path}: this part is called {${node.param.name}} elsewhere`);
        node = node.param.node;
      } else {
        node = node.parts.get(part) ?? set(node.parts, part, newNode());
      }
    }
    put(node.routes, route);
  }
}

function newNode(): Node {
  return { parts: new Map(), routes: new Map(), rests: [] };
}

function set<V>(map: Map<string, V>, key: string, value: V): V {
  map.set(key, value);
  return value;
}

function put(routes: Map<string, Route>, route: Route): void {
  if (routes.has(route.method)) throw new Error(`two routes for ${route.method} ${route.path}`);
  routes.set(route.method, route);
}

function addRest(node: Node, name: string, after: readonly string[], route: Route): void {
  let rest = node.rests.find((each) => each.name === name && each.after.join('/') === after.join('/'));
  if (rest === undefined) {
    rest = { name, after, routes: new Map() };
    node.rests.push(rest);
    node.rests.sort((a, b) => b.after.length - a.after.length);
  }
  put(rest.routes, route);
}

function walk(node: Node, parts: readonly string[], at: number, method: string, params: Record<string, string>): Route | undefined {
  if (at === parts.length) return node.routes.get(method);
  const part = parts[at]!;
  const next = node.parts.get(part);
  let found = next && walk(next, parts, at + 1, method, params);
  if (found !== undefined) return found;
  if (node.param !== undefined && part !== '') {
    found = walk(node.param.node, parts, at + 1, method, params);
    if (found !== undefined) {
      params[node.param.name] = unescapeUrl(part);
      return found;
    }
  }
  for (const { name, after, routes } of node.rests) {
    const route = routes.get(method);
    const end = parts.length - after.length;
    if (route === undefined || end <= at || parts.slice(at, end).includes('') || after.some((each, index) => parts[end + index] !== each)) continue;
    params[name] = unescapeUrl(parts.slice(at, end).join('/'));
    return route;
  }
  return undefined;
}

export type Versioned = { readonly version: ApiVersion; readonly path: string } | { readonly refused: string; readonly tooOld: boolean };

/** Takes `/v1.NN` off a path; without it, the newest. */
export function takeVersion(path: string): Versioned {
  const prefix = path.startsWith('/v') ? /^\/v([0-9.]+)(?=\/)/.exec(path) : null;
  if (prefix === null) return { version: MAX_VERSION, path };
  const text = prefix[1]!;
  const order = compare(text);
  if (order > 0) return { refused: `client version ${text} is too new. Maximum supported API version is 1.${MAX_VERSION}`, tooOld: false };
  if (order < 0) {
    const refused = `client version ${text} is too old. Minimum supported API version is 1.${MIN_VERSION}, please upgrade your client to a newer version`;
    return { refused, tooOld: true };
  }
  return { version: Number(text.split('.')[1]), path: path.slice(prefix[0].length) };
}

/** -1: older than what is served; 1: newer; 0: served. */
function compare(text: string): -1 | 0 | 1 {
  const [major = 0, minor = 0, ...more] = text.split('.').map(Number);
  if (major < 1 || (major === 1 && minor < MIN_VERSION)) return -1;
  return major > 1 || minor > MAX_VERSION || (minor === MAX_VERSION && more.some((part) => part > 0)) ? 1 : 0;
}
