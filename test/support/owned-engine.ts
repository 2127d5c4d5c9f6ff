/** An engine that looks after its containers, for tests: of a state folder of its own, closed with the test. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';
import type { Route } from '../../src/api/contract.ts';
import { serve } from '../../src/api/server.ts';
import type { LocalEngine } from '../../src/engine/contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import type { ContainerCreate, HostConfig } from '../../src/engine/types/container.ts';
import type { EngineEvent } from '../../src/engine/types/system.ts';
import { busyboxRootfs } from './rootfs.ts';
import { tempFor } from './temp.ts';

export interface OwnedEngine {
  readonly engine: LocalEngine;
  readonly state: string;
  /** Makes and starts a container that runs a shell script; gives its id. */
  run(script: string, more?: Partial<Omit<ContainerCreate, 'HostConfig'>> & { readonly HostConfig?: Partial<HostConfig> }): Promise<string>;
  create(script: string, more?: Partial<Omit<ContainerCreate, 'HostConfig'>> & { readonly HostConfig?: Partial<HostConfig> }): Promise<string>;
  /** What has been told of containers since the engine was opened, the oldest first: `die`, `health_status: healthy`. */
  readonly events: readonly EngineEvent[];
  /** Closes the engine, while its containers go on, and opens it anew. */
  reopen(): Promise<LocalEngine>;
}

export async function ownedEngine(t: TestContext): Promise<OwnedEngine> {
  const root = await busyboxRootfs();
  // before tempFor's: hooks run in the order in which they were added
  t.after(async () => {
    for (const { id } of await engine.list()) await engine.remove(id, { force: true });
    await engine.close();
  });
  const state = tempFor(t);
  const events: EngineEvent[] = [];
  let engine: LocalEngine;
  const open = () => {
    engine = openEngine({ stateDir: state, owner: true });
    void collect(engine, events);
  };
  open();
  const create: OwnedEngine['create'] = async (script, more = {}) => {
    const HostConfig = { NetworkMode: 'none', Kobako: { Rootfs: { Path: root, Overlay: true } }, ...more.HostConfig };
    return (await engine.containers.create({ Cmd: ['sh', '-c', script], ...more, HostConfig })).Id;
  };
  return {
    get engine() {
      return engine;
    },
    state,
    events,
    create,
    run: async (script, more) => {
      const id = await create(script, more);
      assert.equal(await engine.containers.start(id), true);
      return id;
    },
    reopen: async () => {
      await engine.close();
      open();
      return engine;
    },
  };
}

async function collect(engine: LocalEngine, events: EngineEvent[]): Promise<void> {
  for await (const event of engine.system.events()) events.push(event);
}

/** Serves routes on a Unix socket until the test ends; gives its address. */
export async function serveRoutes(t: TestContext, { engine, state }: OwnedEngine, routes: readonly Route[]): Promise<string> {
  const path = `${state}/api.sock`;
  const listener = createServer({ allowHalfOpen: true });
  const server = serve([listener], routes, engine, { version: '0.0.0' });
  t.after(() => server.close({ graceMs: 100 }));
  await new Promise<void>((resolve) => listener.listen(path, resolve));
  return `unix://${path}`;
}
