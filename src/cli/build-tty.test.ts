import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Digest } from '../base/digest.ts';
import type { BuildEvent } from '../engine/builds-contract.ts';
import { rawJson } from './build-raw-json.ts';
import { TtyProgress } from './build-tty.ts';
import { cut, displayWidth } from './width.ts';

/** What a terminal shows: with wrapped lines, scrolling, and the few control sequences that the view uses. */
class Screen {
  readonly isTTY = true;
  columns: number;
  rows: number;
  raw = '';
  #lines: string[] = [''];
  #row = 0;
  #column = 0;

  constructor(rows: number, columns: number) {
    this.rows = rows;
    this.columns = columns;
  }

  write(text: string): void {
    this.raw += text;
    // oxlint-disable-next-line no-control-regex
    for (const [token] of text.matchAll(/\u001b\[[\d;?]*[A-Za-z]|[\s\S]/gu)) this.#put(token);
  }

  /** Its text, as a terminal that reflows has it now. */
  text(): string[] {
    return this.#lines.map((line) => line.trimEnd()).filter((line) => line !== '');
  }

  resize(rows: number, columns: number): void {
    const wrapped = this.#lines.flatMap((line) => (line === '' ? [''] : (line.match(new RegExp(`.{1,${columns}}`, 'gu')) ?? [''])));
    this.#row = wrapped.length - (this.#lines.length - this.#row);
    Object.assign(this, { rows, columns });
    this.#lines = wrapped;
  }

  #put(token: string): void {
    const lines = this.#lines;
    // oxlint-disable-next-line no-control-regex
    const [, count, command] = /^\u001b\[([\d;?]*)([A-Za-z])$/.exec(token) ?? [];
    if (command === 'A') {
      assert.ok(lines.length - (this.#row - Number(count)) <= this.rows, 'the cursor is to go to what has scrolled away');
      this.#row -= Number(count);
    } else if (command === 'B') this.#row += Number(count);
    else if (command === 'K') lines[this.#row] = '';
    else if (command === 'J') lines.splice(this.#row, lines.length, '');
    else if (command === 'm') return;
    else if (token === '\n') [this.#row, this.#column] = [this.#row + 1, 0];
    else if (token === '\r') this.#column = 0;
    else {
      assert.ok(token >= ' ' && token !== '\u007f', `${JSON.stringify(token)} is for the terminal`);
      if (this.#column >= this.columns) [this.#row, this.#column] = [this.#row + 1, 0];
      const line = (lines[this.#row] ?? '').padEnd(this.#column);
      lines[this.#row] = line.slice(0, this.#column) + token + line.slice(this.#column + 1);
      this.#column++;
    }
    while (lines.length <= this.#row) lines.push('');
  }
}

const digest = (name: string): Digest => `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64)}`;
const T = 1_000_000;
const vertex = (name: string, state: object): BuildEvent => ({ kind: 'vertex', digest: digest(name), name, inputs: [], ...state });
const log = (name: string, text: string): BuildEvent => ({ kind: 'log', vertex: digest(name), stream: 1, data: Buffer.from(text), timestamp: T + 1500 });

/** One column stays free: a terminal wraps when the last one is written. */
const row = (text: string, time: string, columns: number) => `${` => ${text} `.padEnd(columns - 1 - time.length)}${time}`;

function ground(rows: number, columns: number) {
  const screen = new Screen(rows, columns);
  let now = T;
  const view = new TtyProgress(screen, { colours: false, now: () => now });
  return { screen, view, at: (seconds: number) => void (now = T + seconds * 1000), drawn: () => sleep(150) };
}

describe('progress of a build on a terminal', () => {
  test('steps with times, the last words of those that run, and at the end all of it', async () => {
    const { screen, view, at, drawn } = ground(20, 60);
    view.show(vertex('[1/3] FROM busybox', { started: T, completed: T, cached: true }));
    view.show(vertex('[2/3] RUN make', { started: T }));
    view.show(vertex('[3/3] RUN later', {}));
    view.show(log('[2/3] RUN make', 'one\ntwo\n\u001b[31mred\u001b[0m\rover\u0007\nbegun'));
    at(2);
    await drawn();
    assert.deepEqual(screen.text(), [
      '[+] Building 2.0s (1/3)',
      row('CACHED [1/3] FROM busybox', '0.0s', 60),
      row('[2/3] RUN make', '2.0s', 60),
      ' => => # one',
      ' => => # two',
      ' => => # over',
      ' => => # begun',
    ]);
    view.show(vertex('[2/3] RUN make', { started: T, completed: T + 3000 }));
    view.show(vertex('[3/3] RUN later', { started: T + 3000, completed: T + 3500 }));
    at(4);
    view.end();
    assert.deepEqual(screen.text(), [
      '[+] Building 4.0s (3/3) FINISHED',
      row('CACHED [1/3] FROM busybox', '0.0s', 60),
      row('[2/3] RUN make', '3.0s', 60),
      row('[3/3] RUN later', '0.5s', 60),
    ]);
  });

  test('a step that fails: its words stand below; what was given up with it has nothing to say', () => {
    const { screen, view } = ground(20, 60);
    view.show(vertex('RUN false', { started: T }));
    view.show(log('RUN false', 'why\nand\u001b[2J more'));
    view.show(vertex('RUN other', { started: T, completed: T, error: 'context canceled' }));
    view.show(vertex('RUN false', { started: T, completed: T + 2000, error: 'exit code: 1' }));
    view.show({
      kind: 'warning',
      vertex: digest('x'),
      level: 1,
      short: 'Odd: very',
      detail: [],
      url: '',
      ranges: [{ start: { line: 3, character: 0 }, end: { line: 3, character: 0 } }],
    });
    view.end();
    assert.deepEqual(screen.text().slice(1), [
      row('ERROR RUN false', '2.0s', 60),
      row('CANCELED RUN other', '0.0s', 60),
      '------',
      ' > RUN false:',
      '1.500 why',
      'and more',
      '------',
      ' 1 warning found:',
      ' - Odd: very (line 3)',
    ]);
  });

  test('more steps than rows: those that run are seen, and nothing scrolls away under it', async () => {
    const { screen, view, drawn } = ground(8, 50);
    for (let index = 0; index < 30; index++) view.show(vertex(`step ${index}`, { started: T, ...(index === 4 ? {} : { completed: T }) }));
    for (let index = 0; index < 30; index++) view.show(log('step 4', `line ${index}\n`));
    await drawn();
    const shown = screen.text();
    assert.ok(shown.length <= 7 && shown.some((line) => line.includes('step 4')) && shown.some((line) => line.includes('step 29')), shown.join('\n'));
    view.end();
    assert.equal(screen.text().filter((line) => line.startsWith(' => step')).length, 30);
  });

  test('few rows: what is over makes room, and those that run share it', async () => {
    const { screen, view, drawn } = ground(12, 50);
    for (let index = 0; index < 6; index++) view.show(vertex(`step ${index}`, { started: T, completed: T }));
    for (const name of ['one', 'two']) {
      view.show(vertex(name, { started: T }));
      for (let line = 0; line < 9; line++) view.show(log(name, `${name} ${line}\n`));
    }
    await drawn();
    assert.deepEqual(
      screen.text().map((line) => line.replace(/ +0\.0s$/, '')),
      [
        '[+] Building 0.0s (6/8)',
        ' => step 5',
        ' => one',
        ...[6, 7, 8].map((line) => ` => => # one ${line}`),
        ' => two',
        ...[5, 6, 7, 8].map((line) => ` => => # two ${line}`),
      ],
    );
    view.end();
  });

  test('a terminal that changes its size, also to one with no room at all', async () => {
    const { screen, view, at, drawn } = ground(20, 100);
    view.show(vertex('[1/2] RUN a long line of a step that will not fit into few columns', { started: T }));
    view.show(vertex('[2/2] RUN short', { started: T }));
    await drawn();
    screen.resize(20, 40);
    at(1);
    await drawn();
    assert.deepEqual(screen.text(), ['[+] Building 1.0s (0/2)', row('[1/2] RUN a long line of a ste', '1.0s', 40), row('[2/2] RUN short', '1.0s', 40)]);
    screen.resize(3, 5);
    await drawn();
    screen.resize(20, 60);
    at(2);
    await drawn();
    view.end();
    assert.deepEqual(screen.text().slice(-3), [
      '[+] Building 2.0s (0/2)',
      row('[1/2] RUN a long line of a step that will not fit ', '2.0s', 60),
      row('[2/2] RUN short', '2.0s', 60),
    ]);
  });

  test('sizes of what is on its way, and text that is of no step', async () => {
    const { screen, view, drawn } = ground(20, 60);
    view.show(vertex('FROM far', { started: T }));
    view.show({ kind: 'status', vertex: digest('FROM far'), id: 'sha256:abc', current: 5e6, total: 1e7, timestamp: T, started: T });
    await drawn();
    assert.equal(screen.text()[2], row('=> sha256:abc 5MB / 10MB', '0.0s', 60));
    view.show(log('nobody', 'by itself\n'));
    await drawn();
    assert.deepEqual(screen.text().slice(0, 2), ['by itself', '[+] Building 0.0s (0/1)']);
    view.end();
  });

  test('colours only where they are wanted', () => {
    const screen = new Screen(10, 60);
    const view = new TtyProgress(screen, { colours: true, now: () => T });
    view.show(vertex('done', { started: T, completed: T }));
    view.end();
    assert.ok(screen.raw.includes(`\u001b[34m${row('done', '0.0s', 60)}\u001b[0m`), screen.raw);
  });
});

test('what is two columns wide is counted as two', () => {
  assert.equal(cut('漢字漢字', 5), '漢字');
  const { screen, view } = ground(10, 40);
  view.show(vertex('漢字', { started: T }));
  view.end();
  assert.equal(displayWidth(screen.text()[1]!), 39);
});

test('rawjson: a document for each event, as BuildKit’s status is written', () => {
  assert.deepEqual(JSON.parse(rawJson(vertex('a', { started: T, cached: true, completed: T }))), {
    vertexes: [{ digest: digest('a'), name: 'a', started: '1970-01-01T00:16:40.000Z', completed: '1970-01-01T00:16:40.000Z', cached: true }],
  });
  assert.deepEqual(JSON.parse(rawJson(log('a', 'x\n'))), { logs: [{ vertex: digest('a'), stream: 1, data: 'eAo=', timestamp: '1970-01-01T00:16:41.500Z' }] });
  assert.equal(rawJson({ kind: 'stepped', id: 'x', cached: true }), '');
});
