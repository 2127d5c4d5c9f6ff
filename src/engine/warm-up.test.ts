import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { machineFacts } from '../kernel/linux/machine.ts';
import { tempFor } from '../../test/support/temp.ts';
import { ContainerStore } from './container-store.ts';
import type { EngineParts } from './parts.ts';
import { warmUp } from './warm-up.ts';

function parts(dir: string): { parts: EngineParts; asked: () => number } {
  let asked = 0;
  const machine = machineFacts();
  const counting = {
    store: new ContainerStore(dir),
    get machine() {
      asked++;
      return machine;
    },
  };
  return { parts: counting as unknown as EngineParts, asked: () => asked };
}

test('so many plans are made, and nothing on the disk', async (t) => {
  const dir = tempFor(t);
  const once = parts(dir);
  await warmUp(once.parts, { rounds: 1, firstMs: 0 }).done;
  const thrice = parts(dir);
  await warmUp(thrice.parts, { rounds: 3, firstMs: 0 }).done;
  assert.ok(once.asked() > 1, `${once.asked()}`);
  assert.equal(thrice.asked(), 3 * once.asked());
  assert.deepEqual(readdirSync(dir), []);
});

test('it ends with its engine, and where no plan can be made', async (t) => {
  const { parts: stopped, asked } = parts(tempFor(t));
  const warming = warmUp(stopped, { firstMs: 0 });
  warming[Symbol.dispose]();
  await warming.done;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(asked(), 0);
  await warmUp({} as EngineParts, { firstMs: 0 }).done;
});
