import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import type { CliContext } from './context.ts';
import { frame, stats, StatsBoard } from './stats.ts';
import { statsFigures } from './rows/stats.ts';

describe('the arithmetic', () => {
  test('processors: busy of all, times their number; nothing before the second sample', () => {
    const now = { cpu_usage: { total_usage: 3_000_000_000 }, system_cpu_usage: 20_000_000_000, online_cpus: 2 };
    const before = { cpu_usage: { total_usage: 1_000_000_000 }, system_cpu_usage: 12_000_000_000 };
    assert.equal(statsFigures({ cpu_stats: now, precpu_stats: before }).cpuPercent, 50);
    assert.equal(
      statsFigures({ cpu_stats: { ...now, online_cpus: 0, cpu_usage: { total_usage: 3e9, percpu_usage: [1, 2, 3, 4] } }, precpu_stats: before }).cpuPercent,
      100,
    );
    assert.equal(statsFigures({ cpu_stats: now, precpu_stats: now }).cpuPercent, 0);
    assert.equal(statsFigures({ cpu_stats: before, precpu_stats: now }).cpuPercent, 0);
  });
  test('memory without the cache: cgroup v1 and v2', () => {
    const memory = (usage: number, stats: Record<string, number>) => statsFigures({ memory_stats: { usage, limit: 400, stats } });
    assert.deepEqual([memory(100, { total_inactive_file: 30, inactive_file: 99 }).memory, memory(100, { inactive_file: 40 }).memory], [70, 60]);
    assert.deepEqual([memory(100, { total_inactive_file: 100 }).memory, memory(100, {}).memory, memory(100, {}).memoryPercent], [100, 100, 25]);
    assert.equal(statsFigures({}).memoryPercent, 0);
  });
});

test('a frame clears what the one before had', () => assert.equal(frame('A  B\n1  2\n'), '\u001b[HA  B\u001b[K\n1  2\u001b[K\n\u001b[J'));

test('dashes until something is known; in the order of coming', () => {
  const board = new StatsBoard();
  board.add('b');
  board.add('a');
  board.set('a', { name: '/a', pids_stats: { current: 3 } });
  assert.equal(board.text('{{.Container}} {{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}'), 'b -- -- -- / -- --\na a 0.00% 0B / 0B 3\n');
});

/** An engine with two containers, and a third that starts. */
function ground() {
  let signalled: (signal: number) => void = () => {};
  let wrote = '';
  const waiting: { text: string; resolve: () => void }[] = [];
  const streams: string[] = [];
  async function* forever(name: string, signal: AbortSignal | undefined) {
    for (let i = 1; !signal?.aborted; i++) {
      yield { name: `/${name}`, id: name, pids_stats: { current: i } };
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 5);
        signal?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
      });
    }
  }
  const engine = {
    containers: {
      list: async () => [{ Id: 'one' }, { Id: 'two' }],
      async *stats(name: string, { stream, signal }: { stream: boolean; signal?: AbortSignal }) {
        streams.push(`${name} ${stream}`);
        if (name === 'gone') throw new EngineError('not-found', 'No such container: gone');
        for await (const document of forever(name, signal)) {
          yield document;
          if (!stream || (name === 'short' && document.pids_stats.current === 3)) return;
        }
      },
    },
    system: {
      async *events({ signal }: { signal: AbortSignal }) {
        yield { Actor: { ID: 'three' } };
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      },
    },
  };
  const context = {
    stdout: {
      write(text: string) {
        wrote += text;
        for (const each of waiting) if (wrote.includes(each.text)) each.resolve();
        return true;
      },
    },
    env: {},
    readFile: () => '{"statsFormat": "{{.Name}}:{{.PIDs}}"}',
    onSignal: (handler: (signal: number) => void) => ((signalled = handler), () => {}),
    engine: () => engine,
  } as unknown as CliContext;
  const seen = (text: string) => new Promise<void>((resolve) => waiting.push({ text, resolve }));
  return { context, streams, seen, interrupt: () => signalled(2), wrote: () => wrote };
}

describe('the command', () => {
  test('--no-stream: one table, in the order of the names', async () => {
    const { context, wrote, streams } = ground();
    assert.equal(await stats(['--no-stream', 'b', 'a'], context), 0);
    assert.equal(wrote(), 'b:1\na:1\n');
    assert.equal(await stats(['--no-stream'], context), 0);
    assert.deepEqual(streams, ['b false', 'a false', 'one false', 'two false']);
    await assert.rejects(stats(['--no-stream', 'gone'], context), { message: 'No such container: gone' });
  });
  test('live: all that run and what starts, until ^C', async () => {
    const { context, seen, interrupt, wrote } = ground();
    const shown = seen('three:');
    const ended = stats([], context);
    await shown;
    interrupt();
    assert.equal(await ended, 0);
    assert.match(wrote().replaceAll('\u001b', '^'), /^\^\[Hone:\d+\^\[K\ntwo:\d+\^\[K\nthree:\d+\^\[K\n\^\[J/);
  });
  test('live: ends with the last of those that were named; one that is not there fails', async () => {
    const { context } = ground();
    assert.equal(await stats(['short'], context), 0);
    await assert.rejects(stats(['short', 'gone'], context), { message: 'No such container: gone' });
  });
  test('a bad format is told at once', async () => {
    const { context, streams } = ground();
    await assert.rejects(stats(['--format', '{{.Name', 'a'], context), { message: 'template parsing error: template: :1: unclosed action' });
    await assert.rejects(stats(['--format', '{{.Nope}}', 'a'], context), { message: /can't evaluate field Nope in type \*container\.statsContext$/ });
    assert.deepEqual(streams, []);
  });
});
