import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { machineFacts } from '../kernel/linux/machine.ts';
import { tempFor } from '../../test/support/temp.ts';
import { openCgroups } from './cgroups.ts';
import type { EngineParts } from './parts.ts';
import { openRehearsal } from './rehearsal.ts';
import { warmUp } from './warm-up.ts';

/** What a rehearsal has of its engine: nothing that it could change. */
function parts(): { parts: EngineParts; lives: () => number } {
  let checks = 0;
  const never = () => assert.fail('it is not to be touched');
  const none = { id: 'none', name: 'none', driver: 'null', ipam: { config: [] }, options: {} };
  const given = {
    machine: machineFacts(),
    cgroups: openCgroups(),
    leases: { check: () => void checks++ },
    helper: '/helper',
    images: never,
    networks: () => ({ store: { search: () => none, find: () => none, load: () => none, change: never } }),
    builds: never,
    runner: { run: never },
    sandboxes: { open: never },
    events: { emit: never },
  };
  // twice for a container's creation
  return { parts: given as unknown as EngineParts, lives: () => checks / 2 };
}

test('a rehearsed life goes from creation to removal, leaves nothing, and makes no cgroup', async (t) => {
  const folder = `${tempFor(t)}/own`;
  const { parts: given, lives } = parts();
  {
    using rehearsal = openRehearsal(given, folder);
    await rehearsal.life();
    await rehearsal.life();
    assert.equal(lives(), 2);
    for (const name of ['containers', 'names', 'sockets']) assert.deepEqual(readdirSync(`${folder}/${name}`), [], name);
  }
  assert.ok(!existsSync(folder));
});

test('so many lives', async (t) => {
  const folder = `${tempFor(t)}/own`;
  const { parts: given, lives } = parts();
  await warmUp(given, folder, { rounds: 3, firstMs: 0 }).done;
  assert.equal(lives(), 3);
  assert.ok(!existsSync(folder));
});

test('it ends with its engine, and where no container can be made', async (t) => {
  const folder = `${tempFor(t)}/own`;
  const { parts: stopped, lives } = parts();
  const warming = warmUp(stopped, folder, { firstMs: 0 });
  warming[Symbol.dispose]();
  await warming.done;
  assert.equal(lives(), 0);
  await warmUp({} as EngineParts, folder, { firstMs: 0 }).done;
  assert.ok(!existsSync(folder));
});
