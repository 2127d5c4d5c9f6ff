/** The layers hold: an import against their order is refused by oxlint with this project's own rules. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { projectDir } from '../test/support/paths.ts';
import { run } from '../test/support/run.ts';
import { tempFor } from '../test/support/temp.ts';

const REFUSED: readonly (readonly [file: string, imported: string])[] = [
  ['src/base/x.ts', '../plan/ops.ts'],
  ['src/plan/x.ts', '../kernel/contract.ts'],
  ['src/plan/x.ts', '../runtime/spec.ts'],
  ['src/kernel/linux/x.ts', '../../runtime/spec.ts'],
  ['src/kernel/x.ts', '../engine/contract.ts'],
  ['src/runtime/x.ts', '../kernel/linux/helper.ts'],
  ['src/runtime/x.ts', '../cgroup/driver.ts'],
  ['src/runtime/seccomp/x.ts', '../../kernel/linux/helper.ts'],
  ['src/runtime/x.ts', 'node:fs'],
  ['src/cgroup/x.ts', '../kernel/linux/machine.ts'],
  ['src/cgroup/x.ts', 'node:fs'],
  ['src/tar/x.ts', 'node:fs'],
  ['src/snapshot/x.ts', '../image/store.ts'],
  ['src/image/x.ts', '../snapshot/overlay.ts'],
  ['src/volume/x.ts', '../snapshot/overlay.ts'],
  ['src/volume/x.ts', '../kernel/linux/machine.ts'],
  ['src/volume/x.ts', '../engine/contract.ts'],
  ['src/image/x.ts', '../kernel/linux/machine.ts'],
  ['src/network/x.ts', '../kernel/linux/machine.ts'],
  ['src/network/dns/x.ts', '../../engine/contract.ts'],
  ['src/network/x.ts', '../engine/contract.ts'],
  ['src/network/x.ts', 'node:child_process'],
  ['src/build/dockerfile/x.ts', '../../engine/contract.ts'],
  ['src/build/dockerfile/x.ts', '../../image/store.ts'],
  ['src/build/dockerfile/x.ts', 'node:fs'],
  ['src/build/ignore/x.ts', 'node:fs'],
  ['src/build/x.ts', '../engine/contract.ts'],
  ['src/build/x.ts', '../image/names.ts'],
  ['src/engine/x.ts', '../cli/main.ts'],
  ['src/engine/x.ts', 'node:child_process'],
  ['src/engine/x.ts', '../api/contract.ts'],
  ['src/engine/x.ts', '../daemon/listen.ts'],
  ['src/api/x.ts', '../engine/open-engine.ts'],
  ['src/api/containers/x.ts', '../../engine/container-run.ts'],
  ['src/api/containers/x.ts', '../../kernel/contract.ts'],
  ['src/api/x.ts', '../runtime/spec.ts'],
  ['src/api/x.ts', '../image/names.ts'],
  ['src/api/x.ts', '../daemon/listen.ts'],
  ['src/api/x.ts', 'node:child_process'],
  ['src/daemon/x.ts', '../kernel/linux/machine.ts'],
  ['src/daemon/x.ts', '../runtime/spec.ts'],
  ['src/daemon/x.ts', '../cli/main.ts'],
  ['src/daemon/x.ts', 'node:child_process'],
  ['src/cli/x.ts', '../runtime/container-plan.ts'],
  ['src/cli/x.ts', '../kernel/linux/machine.ts'],
  ['src/client/x.ts', '../engine/open-engine.ts'],
  ['src/client/x.ts', '../engine/image-list.ts'],
  ['src/client/x.ts', '../image/store/store.ts'],
  ['src/client/x.ts', '../runtime/spec.ts'],
  ['src/client/x.ts', '../api/contract.ts'],
  ['src/client/x.ts', 'node:child_process'],
  ['src/buildkit/x.ts', '../engine/open-engine.ts'],
  ['src/buildkit/x.ts', '../build/solve.ts'],
  ['src/buildkit/x.ts', '../api/server.ts'],
  ['src/buildkit/x.ts', 'node:child_process'],
];
const ALLOWED: readonly (readonly [file: string, imported: string])[] = [
  ['src/plan/x.ts', '../base/errors.ts'],
  ['src/kernel/linux/x.ts', '../../plan/ops.ts'],
  ['src/runtime/x.ts', '../kernel/constants.ts'],
  ['src/cgroup/x.ts', '../runtime/spec.ts'],
  ['src/buildkit/x.ts', '../build/contract.ts'],
  ['src/buildkit/x.ts', '../build/describe-json.ts'],
  ['src/buildkit/x.ts', '../api/contract.ts'],
  ['src/snapshot/x.ts', '../image/contract.ts'],
  ['src/image/x.ts', '../snapshot/contract.ts'],
  ['src/network/x.ts', '../kernel/contract.ts'],
  ['src/image/registry/x.ts', '../reference.ts'],
  ['src/snapshot/erofs/x.ts', '../../tar/contract.ts'],
  ['src/network/x.ts', '../kernel/network-contract.ts'],
  ['src/network/dns/x.ts', '../contract.ts'],
  ['src/build/dockerfile/x.ts', '../../image/reference.ts'],
  ['src/build/dockerfile/x.ts', '../ignore/patterns.ts'],
  ['src/engine/x.ts', '../runtime/container-plan.ts'],
  ['src/api/x.ts', '../engine/contract.ts'],
  ['src/api/containers/x.ts', '../../engine/containers-contract.ts'],
  ['src/api/containers/x.ts', '../../engine/types/container.ts'],
  ['src/api/containers/x.ts', '../../base/errors.ts'],
  ['src/daemon/x.ts', '../api/server.ts'],
  ['src/daemon/x.ts', '../engine/open-engine.ts'],
  ['src/cli/x.ts', '../engine/contract.ts'],
  ['src/client/x.ts', '../engine/images-contract.ts'],
  ['src/client/x.ts', '../engine/types/system.ts'],
  ['src/client/x.ts', '../image/reference.ts'],
  ['src/client/x.ts', '../base/errors.ts'],
];

test('imports against the order of the layers are refused, those along it are not', async (t) => {
  const folder = tempFor(t);
  copyFileSync(`${projectDir}/.oxlintrc.json`, `${folder}/.oxlintrc.json`);
  symlinkSync(`${projectDir}/node_modules`, `${folder}/node_modules`);
  const lint = async ([file, imported]: readonly [string, string]) => {
    mkdirSync(`${folder}/${dirname(file)}`, { recursive: true });
    writeFileSync(`${folder}/${file}`, `import * as other from '${imported}';\nexport const used = other;\n`);
    const { code, stdout } = await run(`${projectDir}/node_modules/.bin/oxlint`, [file], { cwd: folder });
    return { refused: code !== 0 && stdout.includes('no-restricted-imports'), stdout };
  };
  for (const each of REFUSED) assert.equal((await lint(each)).refused, true, `${each.join(' may import ')}`);
  for (const each of ALLOWED) {
    const { refused, stdout } = await lint(each);
    assert.equal(refused, false, stdout);
  }
});
