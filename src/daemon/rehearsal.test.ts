import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { tempFor } from '../../test/support/temp.ts';
import { rehearseRequests } from './rehearsal.ts';

test('every request is answered, and nothing stays', async (t) => {
  const socket = `${tempFor(t)}/door`;
  const failed: string[] = [];
  const onRefusal = (error: Error) => failed.push(error.message);
  await rehearseRequests(socket, { rounds: 3, firstMs: 0, onRefusal }).done;
  assert.deepEqual(failed, []);
  assert.ok(!existsSync(socket));
});

test('it ends at once when it is disposed of', async (t) => {
  const socket = `${tempFor(t)}/door`;
  const early = rehearseRequests(socket);
  early[Symbol.dispose]();
  await early.done;
  assert.ok(!existsSync(socket));

  const late = rehearseRequests(socket, { firstMs: 0, rounds: 1_000_000 });
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 5));
  // it may be reset
  const client = connect(socket).on('error', () => {});
  await once(client, 'connect');
  late[Symbol.dispose]();
  await late.done;
  client.destroy();
  assert.ok(!existsSync(socket));
});
