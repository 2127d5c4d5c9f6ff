import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventMatches } from './event-filters.ts';
import type { EngineEvent, Filters } from './types/system.ts';

const event = (Type: EngineEvent['Type'], Action: string, ID: string, Attributes: Readonly<Record<string, string>> = {}): EngineEvent => ({
  Type,
  Action,
  Actor: { ID, Attributes },
  scope: 'local',
  time: 1,
  timeNano: 1n,
});

const EVENTS = {
  start: event('container', 'start', 'abc123', { image: 'busybox:1', name: 'web', colour: 'red', size: 'big' }),
  exec: event('container', 'exec_create: sh -c x', 'abc123', { image: 'busybox:1', name: 'web', execID: 'e' }),
  health: event('container', 'health_status: healthy', 'def456', { image: 'localhost:5000/x', name: 'db' }),
  pull: event('image', 'pull', 'busybox:1', { name: 'busybox' }),
  tag: event('image', 'tag', 'sha256:abc', { name: 'busybox:2' }),
  reload: event('daemon', 'reload', 'id-1', { name: 'host' }),
};

const CASES: readonly (readonly [Filters, readonly (keyof typeof EVENTS)[]])[] = [
  [{}, ['start', 'exec', 'health', 'pull', 'tag', 'reload']],
  [{ type: ['image'] }, ['pull', 'tag']],
  [{ type: ['image', 'daemon'] }, ['pull', 'tag', 'reload']],
  [{ type: ['nothing'] }, []],
  [{ type: [] }, ['start', 'exec', 'health', 'pull', 'tag', 'reload']],
  [{ unknown: ['x'] }, ['start', 'exec', 'health', 'pull', 'tag', 'reload']],
  [{ event: ['start'] }, ['start']],
  [{ event: ['exec_create'] }, ['exec']],
  [{ event: ['health_status'] }, ['health']],
  [{ event: ['health_status: healthy'] }, ['health']],
  [{ event: ['health_status: unhealthy'] }, []],
  [{ container: ['web'] }, ['start', 'exec']],
  [{ container: ['abc'] }, ['start', 'exec']],
  [{ container: ['abc', 'db'] }, ['start', 'exec', 'health']],
  [{ image: ['busybox'] }, ['start', 'exec', 'pull', 'tag']],
  [{ image: ['busybox:1'] }, ['start', 'exec', 'pull']],
  [{ image: ['localhost:5000/x'] }, ['health']],
  [{ label: ['colour'] }, ['start']],
  [{ label: ['colour=red', 'size=big'] }, ['start']],
  [{ label: ['colour=red', 'size=small'] }, []],
  [{ scope: ['swarm'] }, []],
  [{ daemon: ['host'] }, ['reload']],
  [{ type: ['container'], event: ['start', 'die'], container: ['web'] }, ['start']],
];

for (const [filters, expected] of CASES) {
  test(JSON.stringify(filters), () => {
    const matches = eventMatches(filters);
    const seen = Object.entries(EVENTS).flatMap(([name, each]) => (matches(each) ? [name] : []));
    assert.deepEqual(seen, expected);
  });
}
