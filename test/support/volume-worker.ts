/** Makes and removes containers with volumes until it is killed. Its argument: the engine's options, as JSON. Prints a line for each container. */
import { writeSync } from 'node:fs';
import type { EngineOptions } from '../../src/engine/contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';

const { containers, volumes } = openEngine(JSON.parse(process.argv[2]!) as EngineOptions);
for (let at = 0; ; at++) {
  const name = `named${at % 3}`;
  const HostConfig = { NetworkMode: 'none', Binds: [`${name}:/data`, '/tmp:/t'], Mounts: [{ Type: 'volume', Target: '/own' } as const] };
  const one = await containers.create({ Image: 'crash:1', HostConfig });
  const other = await containers.create({ Image: 'crash:1', HostConfig: { NetworkMode: 'none' } });
  writeSync(1, 'made\n');
  await containers.remove(one.Id, { volumes: true });
  await containers.remove(other.Id, { volumes: true });
  await volumes.remove(name);
}
