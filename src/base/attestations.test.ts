import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProvenance, refuseSbom } from './attestations.ts';

const DEFAULTS = { mode: 'max', version: 'v0.2', builderId: '', reproducible: false, inlineOnly: false, filename: 'provenance.json' };

test('what is asked for, with BuildKit’s defaults', () => {
  assert.deepEqual(readProvenance(''), DEFAULTS);
  assert.deepEqual(readProvenance('mode=full,disabled=false'), DEFAULTS);
  assert.deepEqual(readProvenance('mode=min,version=v1,builder-id=https://x?a=b,reproducible=1,inline-only,filename=p.json'), {
    mode: 'min',
    version: 'v1',
    builderId: 'https://x?a=b',
    reproducible: true,
    inlineOnly: true,
    filename: 'p.json',
  });
  for (const off of ['disabled=true', 'disabled', 'mode=max,disabled=T']) assert.equal(readProvenance(off), undefined);
});

test('what cannot be meant is refused in BuildKit’s words', () => {
  assert.throws(() => readProvenance('mode=x'), { kind: 'invalid', message: 'invalid mode "x"' });
  assert.throws(() => readProvenance('version=v9'), { message: 'invalid provenance SLSA version: v9' });
  assert.throws(() => readProvenance('reproducible=maybe'), {
    message: 'failed to parse reproducible flag "maybe": strconv.ParseBool: parsing "maybe": invalid syntax',
  });
});

test('nobody lists what is in an image', () => {
  for (const asked of ['', 'generator=x/y']) assert.throws(() => refuseSbom(asked), { kind: 'unavailable' });
  refuseSbom('disabled=true');
});
