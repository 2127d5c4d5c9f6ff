import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builderGc, builderHistory, forbiddenEntitlements } from './builder-settings.ts';
import { daemonSettings } from './settings.ts';

const GB = 2 ** 30;
const HOUR = 3600_000;

test('what dockerd’s file says of the build cache', () => {
  const file = JSON.stringify({ builder: { gc: { enabled: true, defaultKeepStorage: '10GB', DefaultMaxUsedSpace: '20gb', defaultMinFreeSpace: '' } } });
  const { buildCacheGc } = daemonSettings([], {}, () => file);
  assert.deepEqual(buildCacheGc, { enabled: true, reservedSpace: 10 * GB, maxUsedSpace: 20 * GB, minFreeSpace: undefined });
  assert.equal(builderGc(undefined).enabled, true);
  assert.equal(builderGc({ gc: { enabled: false } }).enabled, false);
  assert.equal(builderGc({ gc: { defaultKeepStorage: '1b', defaultReservedSpace: '2b' } }).reservedSpace, 2);
});

test('its policies: each with its sizes, ages and filters', () => {
  const { rules } = builderGc({
    gc: {
      policy: [
        { keepStorage: '512MB', filter: ['unused-for=48h', 'type==source.local,type=exec.cachemount'] },
        { reservedSpace: '1GB', maxUsedSpace: '2GB', minFreeSpace: '3GB', keepDuration: ['60h'], all: true },
        { keepStorage: '0', filter: { private: { true: true } } },
      ],
    },
  });
  const none = { maxUsedSpace: undefined, minFreeSpace: undefined };
  assert.deepEqual(rules, [
    { all: false, filters: { type: ['source.local', 'exec.cachemount'] }, keepDuration: 48 * HOUR, reservedSpace: 512 * 2 ** 20, ...none },
    { all: true, filters: {}, keepDuration: 60 * HOUR, reservedSpace: GB, maxUsedSpace: 2 * GB, minFreeSpace: 3 * GB },
    { all: false, filters: { private: ['true'] }, keepDuration: 0, reservedSpace: undefined, ...none },
  ]);
  assert.deepEqual(builderGc({ gc: { policy: [] } }).rules, []);
});

test('what makes no sense is refused before the daemon starts', () => {
  const refused = (builder: unknown, message: RegExp) => assert.throws(() => builderGc(builder), { kind: 'invalid', message });
  refused([], /builder in the configuration file must be an object/);
  refused({ gc: 'on' }, /builder\.gc in the configuration file must be an object/);
  refused({ gc: { enabled: 'yes' } }, /enabled in the configuration file must be a boolean/);
  refused({ gc: { defaultKeepStorage: 'much' } }, /failed to parse defaultKeepStorage: invalid size: 'much'/);
  refused({ gc: { defaultKeepStorage: 7 } }, /defaultKeepStorage in the configuration file must be a string/);
  refused({ gc: { policy: {} } }, /policy in the configuration file must be a list/);
  refused({ gc: { policy: [{ filter: ['colour=red'] }] } }, /invalid filter 'colour=red'/);
  refused({ gc: { policy: [{ filter: ['until=soon'] }] } }, /"until" filter expects a duration/);
  refused({ gc: { policy: [{ filter: [7] }] } }, /filter in the configuration file must be a list of strings/);
});

test('what builds may have: as dockerd, all but all privileges', () => {
  assert.deepEqual(forbiddenEntitlements(undefined), ['security.insecure']);
  assert.deepEqual(forbiddenEntitlements({ Entitlements: { 'security-insecure': true, 'network-host': false, device: false } }), ['network.host', 'device']);
  assert.throws(() => forbiddenEntitlements({ entitlements: { device: 'yes' } }), {
    kind: 'invalid',
    message: /device in the configuration file must be a boolean/,
  });
  const file = JSON.stringify({ builder: { entitlements: { device: false } } });
  assert.deepEqual(daemonSettings([], {}, () => file).forbiddenEntitlements, ['security.insecure', 'device']);
});

test('which builds are remembered', () => {
  assert.deepEqual(builderHistory(undefined), { maxEntries: undefined, maxAge: undefined });
  assert.deepEqual(builderHistory({ history: { maxAge: '2h', maxEntries: 0 } }), { maxEntries: 0, maxAge: 2 * HOUR });
  assert.equal(builderHistory({ History: { MaxAge: '60' } }).maxAge, 60_000);
  for (const history of [{ maxAge: 'long' }, { maxAge: 5 }, { maxEntries: -1 }, { maxEntries: '5' }, 7])
    assert.throws(() => builderHistory({ history }), { kind: 'invalid', message: /^builder\.history/ }, JSON.stringify(history));
});
