import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepSaid } from './build-said.ts';

function listening() {
  const told: string[] = [];
  const said = new StepSaid(({ stream, data }) => void told.push(`${stream}${data}`));
  return { told, said };
}

test('the first piece is told at once, small ones that follow together, in their order', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { told, said } = listening();
  for (const text of ['a', 'b', 'c']) said.stdout.write(text);
  assert.deepEqual(told, ['1a']);
  said.stderr.write('d');
  said.stderr.write('e');
  assert.deepEqual(told, ['1a', '1bc']);
  t.mock.timers.tick(10);
  assert.deepEqual(told, ['1a', '1bc', '2de']);
  t.mock.timers.tick(1000);
  said.stdout.write('f');
  said.stdout.write('g');
  said.stdout.write('x'.repeat(5000));
  assert.deepEqual(told.slice(3), ['1f', `1g${'x'.repeat(5000)}`]);
  said.stdout.write('end');
  said[Symbol.dispose]();
  assert.equal(told.at(-1), '1end');
});

test('of each stream two megabytes are told, and of small pieces fewer bytes', () => {
  const { told, said } = listening();
  for (let count = 0; count < 100; count++) said.stdout.write('x'.repeat(50_000));
  said[Symbol.dispose]();
  assert.equal(told.pop(), '1[output clipped, log limit 2MiB reached]\n');
  assert.equal(
    told.reduce((sum, text) => sum + text.length - 1, 0),
    2 << 20,
  );

  const small = listening();
  for (let count = 0; count < 1_000_000; count++) small.said[count % 2 ? 'stderr' : 'stdout'].write('x');
  small.said[Symbol.dispose]();
  assert.deepEqual(small.told.filter((text) => text.includes('clipped')).length, 2);
  assert.equal(small.told.length, 2 * ((2 << 20) / 32) + 2);
});
