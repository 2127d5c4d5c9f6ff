/** What a daemon tells of itself: metrics on an address of their own, its labels, and that it has read its settings anew. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { text } from 'node:stream/consumers';
import { daemonFor } from '../support/daemon.ts';
import { until } from '../support/monitored.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('metrics, labels and the event of a reload', async (t) => {
  const port = await freePort();
  const daemon = await daemonFor(t, ['--metrics-addr', `127.0.0.1:${port}`, '--label', 'place=here']);
  await daemon.run({ Cmd: ['sleep', '300'] });
  const scrape = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    return (await response.text()).split('\n');
  };
  const lines = await scrape();
  for (const line of [
    'engine_daemon_container_states_containers{state="running"} 1',
    'engine_daemon_container_actions_seconds_count{action="create"} 1',
    'engine_daemon_container_actions_seconds_count{action="start"} 1',
    'kobako_http_requests_total{method="POST",path="/containers/create",outcome="ok"} 1',
  ])
    assert.ok(lines.includes(line), `${line} in\n${lines.join('\n')}`);
  assert.ok(lines.some((line) => /^engine_daemon_events_total [1-9]/.test(line)));
  assert.equal((await fetch(`http://127.0.0.1:${port}/containers/json`)).status, 404);
  assert.deepEqual((await daemon.api.get('/v1.51/info')).json.Labels, ['place=here']);

  const from = Math.floor(Date.now() / 1000) - 1;
  process.kill(daemon.pid, 'SIGHUP');
  const reloads = async () => {
    const filters = encodeURIComponent(JSON.stringify({ type: ['daemon'], event: ['reload'] }));
    const answer = await daemon.api.stream('GET', `/v1.51/events?since=${from}&until=${Date.now() / 1000}&filters=${filters}`);
    return (await text(answer)).trim();
  };
  await until('the reload is told', async () => (await reloads()) !== '');
  const { Action, Actor } = JSON.parse(await reloads()) as { Action: string; Actor: { ID: string; Attributes: Record<string, string> } };
  assert.deepEqual([Action, Actor.Attributes['labels']], ['reload', '["place=here"]']);
  assert.equal(Actor.ID, (await daemon.api.get('/v1.51/info')).json.ID);
});
