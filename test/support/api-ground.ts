/** Routes of the HTTP door on a Unix socket of a test's own. */
import { createServer } from 'node:net';
import type { Route } from '../../src/api/contract.ts';
import { serve } from '../../src/api/server.ts';
import { pingRoutes } from '../../src/api/system/ping.ts';
import type { Engine } from '../../src/engine/contract.ts';
import { tempFor } from './temp.ts';

/** Serves until the test ends. Gives the address. What is a fault fails nothing here, but is printed. */
export async function serveRoutes(t: { after(hook: () => unknown): void }, routes: readonly Route[], engine: Engine): Promise<string> {
  const path = `${tempFor(t as { after(hook: () => void): void })}/api.sock`;
  const listener = createServer({ allowHalfOpen: true });
  const server = serve([listener], [...pingRoutes, ...routes], engine, { version: 'test' });
  t.after(() => server.close({ graceMs: 100 }));
  await new Promise<void>((resolve) => listener.listen(path, resolve));
  return `unix://${path}`;
}
