import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MONITOR as FLAGS } from '../plan/ops.ts';
import { built, MONITOR, opsOf } from '../../test/support/planner.ts';
import type { Stdio } from './contract.ts';
import { addContainerStdio, addMonitor, addMonitorEnds, addMonitorStdio } from './stdio.ts';

const all = (stdio: Stdio, monitor = MONITOR) =>
  built((builder) => {
    addMonitorStdio(builder, stdio, monitor);
    builder.monitor('clone', { flags: 0 });
    addContainerStdio(builder, stdio);
    addMonitorEnds(builder, stdio);
    addMonitor(builder, stdio, monitor);
  }).ops;
const line = (stdio: Stdio, monitor = MONITOR) =>
  all(stdio, monitor)
    .map(({ op, side }) => `${side[0]}:${op}`)
    .join(' ');

describe('where the streams go', () => {
  const cases: [Stdio, string][] = [
    [{ kind: 'inherit' }, 'm:listen m:clone m:monitor c:unlink'],
    [{ kind: 'pipes', stdin: true }, 'm:listen m:pipe m:pipe m:pipe m:clone c:stdio m:close m:close m:close m:monitor c:unlink'],
    [{ kind: 'pipes', stdin: false }, 'm:listen m:open m:pipe m:pipe m:clone c:stdio m:close m:close m:close m:monitor c:unlink'],
    [{ kind: 'pty', rows: 1, cols: 1 }, 'm:listen m:clone c:send-slot m:recv-slot m:monitor c:unlink'],
    [{ kind: 'console-socket', path: '/c', rows: 1, cols: 1 }, 'm:listen m:connect-unix m:clone c:send-fd m:monitor c:unlink'],
  ];
  for (const [stdio, expected] of cases) test(stdio.kind + ('stdin' in stdio ? ` ${stdio.stdin}` : ''), () => assert.equal(line(stdio), expected));
  test('without a socket nothing listens and nothing is left to remove', () => {
    assert.equal(line({ kind: 'inherit' }, { ...MONITOR, socket: '' }), 'm:clone m:monitor');
  });
});

test('the monitor knows its ends', () => {
  const [pipes] = opsOf(all({ kind: 'pipes', stdin: true }), 'monitor');
  assert.deepEqual([pipes!.stdin, pipes!.stdout, pipes!.stderr, pipes!.pty, pipes!.listen], ['stdin.w', 'stdout.r', 'stderr.r', undefined, 'attach']);
  const [closed] = opsOf(all({ kind: 'pipes', stdin: false }), 'monitor');
  assert.equal(closed!.stdin, undefined);
  assert.equal(opsOf(all({ kind: 'pty', rows: 1, cols: 1 }), 'monitor')[0]!.pty, 'terminal');
});

test('each setting is a flag', () => {
  const off = { ...MONITOR, waitStart: false };
  const flags = (change: Partial<typeof MONITOR>) => opsOf(all({ kind: 'inherit' }, { ...off, ...change }), 'monitor')[0]!.flags;
  assert.equal(flags({}), 0);
  assert.deepEqual(
    [flags({ waitStart: true }), flags({ stdinOnce: true }), flags({ leave: true }), flags({ backpressure: true }), flags({ forwardSignals: true })],
    [FLAGS.WAIT_START, FLAGS.STDIN_ONCE, FLAGS.LEAVE, FLAGS.BACKPRESSURE, FLAGS.FORWARD_SIGNALS],
  );
});
