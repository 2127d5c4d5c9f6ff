import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CAPABILITIES } from '../kernel/constants.ts';
import { ALL_CAPS, machine, runContext, runOptions } from '../../test/support/planner.ts';
import { PlanBuilder } from './builder.ts';
import { capabilitySets, DEFAULT_CAPABILITIES } from './capabilities.ts';
import { specFromOptions } from './run-spec.ts';
import type { Process } from './spec.ts';

const bit = (name: string) => 1n << BigInt(CAPABILITIES.indexOf(`CAP_${name}` as (typeof CAPABILITIES)[number]));

describe('the five sets', () => {
  const sets = (capabilities: Process['capabilities'], facts: Parameters<typeof machine>[0] = {}, userNamespace = false) => {
    const builder = new PlanBuilder();
    return { ...capabilitySets({ cwd: '/', capabilities }, machine(facts), userNamespace, builder), warnings: builder.warnings };
  };
  const none = { bounding: 0n, effective: 0n, permitted: 0n, inheritable: 0n, ambient: 0n, warnings: [] };
  test('nothing said is nothing given', () => {
    assert.deepEqual(sets(undefined), none);
    assert.deepEqual(sets({}), none);
  });
  test('each is its own', () => {
    const expected = { ...none, bounding: bit('CHOWN') | bit('KILL'), permitted: bit('KILL'), effective: bit('KILL') };
    assert.deepEqual(sets({ bounding: ['CAP_CHOWN', 'CAP_KILL'], permitted: ['CAP_KILL'], effective: ['CAP_KILL'] }), expected);
  });
  test('effective is within permitted; ambient within permitted and inheritable', () => {
    const kill = ['CAP_KILL'];
    assert.equal(sets({ effective: kill }).effective, 0n);
    assert.equal(sets({ ambient: kill, permitted: kill }).ambient, 0n);
    assert.equal(sets({ ambient: kill, inheritable: kill }).ambient, 0n);
    assert.equal(sets({ ambient: kill, permitted: kill, inheritable: kill }).ambient, bit('KILL'));
  });
  test('what the kernel or the engine does not have is left out, named once', () => {
    const names = ['CAP_KILL', 'CAP_NOPE', 'CAP_SYS_RESOURCE', 'CAP_CHECKPOINT_RESTORE'];
    const { permitted, warnings } = sets({ permitted: names, bounding: names }, { lastCap: 39, permittedCaps: ALL_CAPS & ~bit('SYS_RESOURCE') });
    assert.equal(permitted, bit('KILL'));
    assert.deepEqual(warnings, ['capabilities that this machine cannot give are left out: CAP_NOPE, CAP_SYS_RESOURCE, CAP_CHECKPOINT_RESTORE']);
  });
  test('in a user namespace all that the kernel knows are there to give', () => {
    assert.equal(sets({ permitted: ['CAP_SYS_RESOURCE'] }, { permittedCaps: 0n }, true).permitted, bit('SYS_RESOURCE'));
  });
});

describe('--cap-add and --cap-drop, as docker puts them together', () => {
  const all = [...CAPABILITIES];
  const without = (names: readonly string[], ...drop: string[]) => names.filter((name) => !drop.includes(name));
  const cases: [add: string[], drop: string[], expected: readonly string[]][] = [
    [[], [], DEFAULT_CAPABILITIES],
    [['SYS_ADMIN'], [], [...DEFAULT_CAPABILITIES, 'CAP_SYS_ADMIN']],
    [['cap_sys_admin'], [], [...DEFAULT_CAPABILITIES, 'CAP_SYS_ADMIN']],
    [['Chown'], [], DEFAULT_CAPABILITIES],
    [[], ['CHOWN', 'CAP_KILL'], without(DEFAULT_CAPABILITIES, 'CAP_CHOWN', 'CAP_KILL')],
    [[], ['SYS_ADMIN'], DEFAULT_CAPABILITIES],
    [[], ['ALL'], []],
    [['NET_ADMIN'], ['all'], ['CAP_NET_ADMIN']],
    [['ALL'], [], all],
    [['ALL'], ['MKNOD'], without(all, 'CAP_MKNOD')],
    [['ALL', 'CHOWN'], ['MKNOD'], without(all, 'CAP_MKNOD')],
    [['KILL'], ['KILL'], DEFAULT_CAPABILITIES],
  ];
  for (const [capAdd, capDrop, expected] of cases) {
    test(`+${capAdd.join(',')} -${capDrop.join(',')}`, () => {
      const { capabilities } = specFromOptions(runOptions({ capAdd, capDrop }), runContext()).process!;
      assert.deepEqual(capabilities!.bounding!.toSorted(), expected.toSorted());
      assert.deepEqual(capabilities!.effective, capabilities!.bounding);
    });
  }
  test('one that there is not', () => {
    assert.throws(() => specFromOptions(runOptions({ capAdd: ['NOPE'] }), runContext()), { message: 'invalid capability: "NOPE"' });
    assert.throws(() => specFromOptions(runOptions({ capDrop: ['CAP_CAP_CHOWN'] }), runContext()), /invalid capability/);
  });
  test('a user that is not root begins with the bounding set alone', () => {
    const user = { uid: 5, gid: 5, groups: [], home: '/' };
    const { capabilities } = specFromOptions(runOptions(), runContext({ user })).process!;
    assert.deepEqual(Object.keys(capabilities!), ['bounding']);
  });
});
