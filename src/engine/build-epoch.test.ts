import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epochOf } from './build-epoch.ts';

test('the time: an exporter’s before the argument’s, in milliseconds', () => {
  const of = (value: string | undefined, attribute?: string) =>
    epochOf({
      contexts: {},
      buildArgs: { SOURCE_DATE_EPOCH: value },
      exporters: [{ type: 'cacheonly' }, { type: 'image', names: [], ...(attribute === undefined ? {} : { attributes: { 'source-date-epoch': attribute } }) }],
    });
  assert.equal(of('1700000000'), 1_700_000_000_000);
  assert.equal(of('1700000000', '7'), 7000);
  assert.equal(of('0'), 0);
  for (const none of [undefined, '']) assert.equal(of(none), undefined);
  for (const bad of ['x', '-1', '1.5', '1e9', '253402300800', '9'.repeat(400)])
    assert.throws(() => of(bad), { kind: 'invalid', message: `invalid SOURCE_DATE_EPOCH: ${bad}` });
});
