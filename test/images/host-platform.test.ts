import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { formatPlatform, hostPlatform } from '../../src/image/platform.ts';
import { cpuFlags } from '../../src/kernel/linux/cpu-flags.ts';
import { run } from '../support/run.ts';

// glibc's loader decides the same from the same: which folders of glibc-hwcaps it searches (ld.so(8))
const loader = '/lib64/ld-linux-x86-64.so.2';

test('the variant of amd64 is the one that the C library finds', { skip: existsSync(loader) ? false : `no ${loader} here` }, async () => {
  const { stdout } = await run(loader, ['--help']);
  const level = Math.max(1, ...[...stdout.matchAll(/^\s+x86-64-v(\d) \(supported/gm)].map((match) => Number(match[1])));
  assert.match(stdout, /x86-64-v/);
  assert.equal(formatPlatform(hostPlatform(cpuFlags())), level === 1 ? 'linux/amd64' : `linux/amd64/v${level}`);
  assert.equal(cpuFlags('/nonexistent').size, 0);
});
