/** As docker 28 drew these images: recorded from it, but that it colours headings also where there is no terminal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageLine } from '../engine/images-contract.ts';
import { IMAGES_FLAGS } from './image-flags.ts';
import { parseFlags } from './flags.ts';
import { checkTreeFlags, imageTree } from './image-tree.ts';

const image = (digit: string, repoTags: readonly string[], size: number, containers: number): ImageLine => ({
  id: `sha256:${digit.repeat(64)}`,
  repoTags,
  repoDigests: [],
  created: 1,
  size,
  labels: {},
  containers,
});
const IMAGES = [image('a', ['one:latest', 'one:1', 'two:2'], 1_988_764, 0), image('b', ['used:1'], 7, 2), image('c', [], 7, -1)];
const WARNING = "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";

test('a pipe: 80 columns, no colours', () => {
  const lines = [
    WARNING,
    `${' '.repeat(62)}Info ->  U In Use `,
    '',
    'IMAGE        ID             DISK USAGE   CONTENT SIZE   EXTRA',
    'one:latest',
    'one:1',
    'two:2        aaaaaaaaaaaa       1.99MB             0B        ',
    'used:1       bbbbbbbbbbbb           7B             0B   U    ',
    '',
  ];
  assert.equal(imageTree(IMAGES, { out: {}, all: false }), lines.join('\n'));
  const untagged = '<untagged>   cccccccccccc           7B             0B        ';
  assert.equal(imageTree(IMAGES, { out: {}, all: true }), [...lines.slice(0, -1), untagged, ''].join('\n'));
  assert.equal(imageTree([], { out: {}, all: false }).split('\n')[3], 'IMAGE   ID             DISK USAGE   CONTENT SIZE   EXTRA');
  const long = image('d', [`${'x'.repeat(90)}:1`, 'short:1'], 7, 0);
  assert.equal(imageTree([long], { out: {}, all: false }).split('\n')[5], `short:1${' '.repeat(25)}dddddddddddd           7B             0B        `);
});

test('a terminal: colours, and fewer columns where it is narrow', () => {
  const drawn = (columns: number) => imageTree(IMAGES.slice(1, 2), { out: { isTTY: true, columns }, all: false }).split('\n');
  assert.deepEqual(drawn(80), [
    `\u001b[93m${WARNING}\u001b[0m`,
    `${' '.repeat(59)}\u001b[1m\u001b[106m\u001b[30mi\u001b[0m\u001b[0m \u001b[96mInfo → \u001b[0m\u001b[0m \u001b[38;5;0m\u001b[48;5;14m U \u001b[0m In Use `,
    '',
    ['IMAGE\u001b[0m ', 'ID\u001b[0m          ', 'DISK USAGE\u001b[0m', 'CONTENT SIZE\u001b[0m', 'EXTRA\u001b[0m']
      .map((title) => `\u001b[39m\u001b[1m${title}`)
      .join('   '),
    `\u001b[34m\u001b[1mused:1\u001b[0m   \u001b[39mbbbbbbbbbbbb\u001b[0m           \u001b[39m7B\u001b[0m             \u001b[39m0B\u001b[0m   \u001b[38;5;0m\u001b[48;5;14m U \u001b[0m  `,
    '',
  ]);
  const titles = (columns: number) => drawn(columns)[3]!.match(/[A-Z][A-Z ]+/g);
  assert.deepEqual(titles(60), ['IMAGE', 'ID', 'DISK USAGE', 'CONTENT SIZE']);
  assert.deepEqual(titles(40), ['IMAGE', 'ID', 'DISK USAGE']);
  assert.deepEqual(titles(10), ['IMAGE']);
});

test('flags that do not go with it', () => {
  const check = (...args: string[]) => checkTreeFlags(parseFlags(IMAGES_FLAGS, args, { interspersed: true }));
  for (const [args, said] of [
    [['-q'], 'quiet'],
    [['--no-trunc'], 'no-trunc'],
    [['--digests'], 'show-digest'],
    [['--format', 'json'], 'format'],
  ] as const)
    assert.throws(() => check(...args), { message: `--${said} is not yet supported with --tree` });
  check('-a', '-f', 'reference=x', 'x');
});
