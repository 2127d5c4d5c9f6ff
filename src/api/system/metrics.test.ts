import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../engine/contract.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { Histogram, sample } from './metrics-text.ts';
import { Metrics, metricsRoutes } from './metrics.ts';

const INFO = {
  ID: 'id',
  Architecture: 'x86_64',
  Driver: 'overlay',
  KernelVersion: '6.18',
  OperatingSystem: 'An "OS"',
  OSType: 'linux',
  OSVersion: '1',
  ServerVersion: '28',
  ContainersPaused: 1,
  ContainersRunning: 2,
  ContainersStopped: 3,
  NCPU: 4,
  MemTotal: 5,
  NEventsListener: 6,
  NFd: 7,
};

const engine = {
  containers: {
    create: async () => ({ Id: 'x', Warnings: [] }),
    start: async () => {
      throw new Error('no');
    },
    remove: async () => {},
    commit: async () => ({ Id: 'y' }),
    changes: async () => [],
  },
  system: { info: async () => INFO, events: async function* () {} },
} as unknown as Engine;

test('a line', () => {
  assert.equal(sample('a', {}, 1), 'a 1');
  assert.equal(sample('a', { b: 'c', d: 'say "x"\\\n' }, 0.5), 'a{b="c",d="say \\"x\\"\\\\\\n"} 0.5');
});

test('a histogram counts what is below each bound', () => {
  const histogram = new Histogram();
  for (const seconds of [0.001, 0.2, 100]) histogram.observe(seconds);
  const lines = histogram.samples('h', { a: 'b' });
  assert.ok(lines.includes('h_bucket{a="b",le="0.005"} 1'));
  assert.ok(lines.includes('h_bucket{a="b",le="0.25"} 2'));
  assert.ok(lines.includes('h_bucket{a="b",le="10"} 2'));
  assert.ok(lines.includes('h_bucket{a="b",le="+Inf"} 3'));
  assert.ok(lines.includes('h_count{a="b"} 3'));
});

test('states, actions that succeeded, requests by outcome', async () => {
  const metrics = new Metrics();
  const timed = metrics.timed(engine);
  await timed.containers.create({});
  await timed.containers.create({});
  await assert.rejects(timed.containers.start('x'));
  assert.equal(await timed.system.info(), INFO);
  const routes: readonly Route[] = [
    { method: 'GET', path: '/fine', handler: () => {} },
    {
      method: 'POST',
      path: '/bad/{id}',
      handler: async () => {
        throw new Error('bad');
      },
    },
  ];
  const [fine, bad] = metrics.counted(routes);
  await fine!.handler({} as ApiRequest, engine);
  await assert.rejects(async () => bad!.handler({} as ApiRequest, engine), /bad/);
  let text = '';
  const request = { stream: () => ({ write: async (chunk: string) => void (text += chunk) }) } as unknown as ApiRequest;
  await metricsRoutes(metrics)[0]!.handler(request, engine);
  const has = (line: string) => assert.ok(text.split('\n').includes(line), `${line} in\n${text}`);
  has('engine_daemon_container_states_containers{state="running"} 2');
  has('engine_daemon_container_states_containers{state="paused"} 1');
  has('engine_daemon_container_states_containers{state="stopped"} 3');
  has('engine_daemon_container_actions_seconds_count{action="create"} 2');
  has('engine_daemon_container_actions_seconds_count{action="start"} 0');
  has('engine_daemon_engine_memory_bytes 5');
  has('kobako_http_requests_total{method="GET",path="/fine",outcome="ok"} 1');
  has('kobako_http_requests_total{method="POST",path="/bad/{id}",outcome="error"} 1');
  assert.match(text, /engine_daemon_engine_info\{.*os="An \\"OS\\"".*\} 1\n/);
  assert.ok(text.endsWith('\n'));
  // each family is told of once
  const names = text.split('\n').flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []);
  assert.equal(new Set(names).size, names.length);
});
