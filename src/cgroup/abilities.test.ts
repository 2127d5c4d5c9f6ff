import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupAbilities, numbersOf } from './abilities.ts';
import { FakeCgroupFiles, LAYOUTS, without } from './fake-files.ts';

test('v1: what has its file', () => {
  const layout = without(LAYOUTS.v1, 'pids', 'cpuset');
  const files = new FakeCgroupFiles(layout);
  files.set('/cg/memory/memory.limit_in_bytes', '1');
  files.set('/cg/memory/memory.oom_control', '');
  files.set('/cg/cpu/cpu.shares', '1024');
  const abilities = cgroupAbilities(files, layout.hierarchies);
  assert.equal(abilities.memory, true);
  assert.equal(abilities.oomKillDisable, true);
  assert.equal(abilities.cpuShares, true);
  assert.equal(abilities.pids, false);
  assert.equal(abilities.cpuset, false);
  assert.equal(abilities.cpus, '');
});

test('v2: what has its controller; neither swappiness nor a way to keep the OOM killer out', () => {
  const files = new FakeCgroupFiles(LAYOUTS.v2);
  files.set('/cg/cpuset.cpus.effective', '0-3\n');
  files.set('/cg/some/memory.max', 'max');
  const abilities = cgroupAbilities(files, LAYOUTS.v2.hierarchies);
  assert.deepEqual(
    [abilities.memory, abilities.cpuCfs, abilities.pids, abilities.blkioWeight, abilities.swappiness, abilities.oomKillDisable, abilities.cpuRealtime],
    [true, true, true, true, false, false, false],
  );
  assert.equal(abilities.cpus, '0-3');
  assert.equal(abilities.swap, false);
  files.set('/cg/some/memory.swap.max', 'max');
  assert.equal(cgroupAbilities(files, LAYOUTS.v2.hierarchies).swap, true);
});

test('lists of processors', () => {
  assert.deepEqual(numbersOf('0-2,5'), [0, 1, 2, 5]);
  assert.deepEqual(numbersOf(''), []);
  for (const bad of ['x', '3-1', '1-', '-1', '1,,x', '1 2']) assert.equal(numbersOf(bad), undefined, bad);
});
