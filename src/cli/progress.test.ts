import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProgressEvent } from '../engine/images-contract.ts';
import { bar, progressView } from './progress.ts';

const EVENTS: readonly ProgressEvent[] = [
  { status: 'Pulling from library/redis', id: 'latest' },
  { status: 'Pulling fs layer', id: 'aaaaaaaaaaaa' },
  { status: 'Already exists', id: 'bbbbbbbbbbbb' },
  { status: 'Downloading', id: 'aaaaaaaaaaaa', current: 500_000, total: 1_000_000 },
  { status: 'Download complete', id: 'aaaaaaaaaaaa' },
  { status: 'Extracting', id: 'aaaaaaaaaaaa', current: 1_000_000, total: 1_000_000 },
  { status: 'Pull complete', id: 'aaaaaaaaaaaa' },
  { status: 'Digest: sha256:0' },
  { status: '', aux: { Tag: 'x' } },
  { status: 'Status: Downloaded newer image for redis:latest' },
];

/** What a terminal of many rows shows after these bytes: the few control sequences that the view uses, and no other. */
function screen(text: string): string[] {
  const rows: string[] = [''];
  let row = 0;
  for (const [token] of text.replaceAll('\u001b[', '^').matchAll(/\^(\d*)([A-Z])|\r|\n|[^^\r\n]+/g)) {
    const [, count, command] = /^\^(\d*)([A-Z])$/.exec(token) ?? [];
    if (command === 'A') row -= Number(count);
    else if (command === 'B') row += Number(count);
    else if (command === 'K') rows[row] = '';
    else if (token === '\n') row++;
    else if (token !== '\r') rows[row] = token;
    while (rows.length <= row) rows.push('');
    assert.ok(row >= 0, 'the cursor left the screen');
  }
  return rows.filter((line) => line !== '');
}

describe('progress', () => {
  test('lines without bars where there is no terminal', () => {
    let out = '';
    const view = progressView({ write: (text) => (out += text) });
    for (const event of EVENTS) view.show(event);
    view.end();
    assert.equal(
      out,
      'latest: Pulling from library/redis\naaaaaaaaaaaa: Pulling fs layer\nbbbbbbbbbbbb: Already exists\naaaaaaaaaaaa: Download complete\naaaaaaaaaaaa: Pull complete\nDigest: sha256:0\nStatus: Downloaded newer image for redis:latest\n',
    );
  });

  test('on a terminal each layer has its line, and the last word stays', async () => {
    let out = '';
    const view = progressView({ isTTY: true, columns: 120, write: (text) => (out += text) });
    for (const event of EVENTS.slice(0, 4)) view.show(event);
    await sleep(150);
    assert.deepEqual(screen(out), [
      'latest: Pulling from library/redis',
      `aaaaaaaaaaaa: Downloading [${'='.repeat(25)}>${' '.repeat(25)}]    500kB/1MB`,
      'bbbbbbbbbbbb: Already exists',
    ]);
    for (const event of EVENTS.slice(4)) view.show(event);
    view.end();
    assert.deepEqual(screen(out), [
      'latest: Pulling from library/redis',
      'aaaaaaaaaaaa: Pull complete',
      'bbbbbbbbbbbb: Already exists',
      'Digest: sha256:0',
      'Status: Downloaded newer image for redis:latest',
    ]);
  });

  test('quiet shows nothing', () => {
    const view = progressView({ isTTY: true, write: () => assert.fail('something was shown') }, true);
    for (const event of EVENTS) view.show(event);
    view.end();
  });

  test('a bar has sizes, speed and time left; a narrow terminal has no room for the box', () => {
    assert.equal(bar(25e6, 100e6, 120, 5e6), `[${'='.repeat(12)}>${' '.repeat(38)}]     25MB/100MB 5MB/s 15s`);
    assert.equal(bar(25e6, 100e6, 80, undefined), '    25MB/100MB');
    assert.equal(bar(100, 100, 120, 50), `[${'='.repeat(50)}>]     100B/100B`);
    assert.equal(bar(0, 0, 120, undefined), `[${'='.repeat(50)}>]       0B/0B`);
  });
});
