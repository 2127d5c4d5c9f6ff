import assert from 'node:assert/strict';
import { test } from 'node:test';
import { framed } from '../../test/support/frames.ts';
import { LogFormatter, type LogFormat } from './log-format.ts';

const TIME = '2026-01-01T00:00:00.5Z';
const all: LogFormat = { stdout: true, stderr: true, framed: false };

/** As the monitor writes a line: Go's escapes, the attributes between stream and time. */
function line(log: string, { stream = 'stdout', time = TIME, attrs = '' } = {}): string {
  const text = JSON.stringify(log).replaceAll(/[<>&\u2028\u2029\t\b\f]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `{"log":${text},"stream":"${stream}"${attrs},"time":"${time}"}\n`;
}

const shown = (lines: string, format: Partial<LogFormat> = {}) => new LogFormatter({ ...all, ...format }).format(Buffer.from(lines)).toString();

test('text of all sorts comes out as it went in, framed and not', () => {
  const texts = [
    'plain\n',
    '',
    '\n',
    'no newline',
    'a "quoted" \\ path\\n\n',
    '<&>\t\u0000\u001b[0m\r\n',
    'é ☃ 🦊 \u2028\u2029\ufffd\n',
    '\\\n',
    '"',
    '\ud83e\n',
    'x'.repeat(20_000),
  ];
  assert.equal(shown(texts.map((text) => line(text)).join('')), texts.map((text) => text.replace(/^\ud83e\n/, '\ufffd\n')).join(''));
  const frames = texts.map((text, at) => framed(at % 2 === 0 ? 'stdout' : 'stderr', text));
  const lines = texts.map((text, at) => line(text, { stream: at % 2 === 0 ? 'stdout' : 'stderr' })).join('');
  assert.deepEqual(new LogFormatter({ ...all, framed: true }).format(Buffer.from(lines)), Buffer.concat(frames));
});

test('times get their nine digits; details are sorted and escaped; without attributes there is a space', () => {
  const attrs = ',"attrs":{"b.c":"x y!","a":"1,2=3"}';
  const lines =
    line('one\n', { attrs }) +
    line('two\n', { attrs, time: '2026-01-01T00:00:00Z' }) +
    line('three\n') +
    line('four\n', { attrs: ',"attrs":{"stream":"stdout"}' });
  const details = 'a=1%2C2%3D3,b.c=x+y%21';
  assert.equal(
    shown(lines, { timestamps: true, details: true }),
    `2026-01-01T00:00:00.500000000Z ${details} one\n2026-01-01T00:00:00.000000000Z ${details} two\n2026-01-01T00:00:00.500000000Z  three\n2026-01-01T00:00:00.500000000Z stream=stdout four\n`,
  );
  assert.equal(shown(lines), 'one\ntwo\nthree\nfour\n');
  const long = `,"attrs":{"a":"${'!'.repeat(5000)}"}`;
  const many = Array.from({ length: 50 }, (_, at) => line(`${at}\n`, { attrs: long })).join('');
  assert.equal(shown(many, { details: true }), Array.from({ length: 50 }, (_, at) => `a=${'%21'.repeat(5000)} ${at}\n`).join(''));
});

test('only the streams and the times that are asked for; what follows `until` is over', () => {
  const at = (second: number, stream = 'stdout') => line(`${second}\n`, { stream, time: `2026-01-01T00:00:0${second}.000000001Z` });
  const lines = at(1) + at(2, 'stderr') + at(3) + at(4);
  const ns = (second: number) => BigInt(Date.UTC(2026, 0, 1, 0, 0, second)) * 1_000_000n + 1n;
  assert.equal(shown(lines, { stderr: false }), '1\n3\n4\n');
  assert.equal(shown(lines, { stdout: false }), '2\n');
  assert.equal(shown(lines, { since: ns(2) }), '2\n3\n4\n');
  assert.equal(shown(lines, { since: ns(2) + 1n }), '3\n4\n');
  const formatter = new LogFormatter({ ...all, until: ns(2) });
  assert.equal(formatter.format(Buffer.from(lines)).toString(), '1\n2\n');
  assert.equal(formatter.over, true);
  for (const since of [-1n, 10n ** 30n]) assert.equal(shown(lines, { since }), since < 0n ? '1\n2\n3\n4\n' : '');
});

test('what is no whole line is left out; other JSON is read, too', () => {
  const cut = [
    '{"log":"cut',
    `{"log":"cut${line('x').trimEnd()}`,
    '',
    '{}',
    'null',
    '{"log":"x","stream":"stdin","time":"2026-01-01T00:00:00Z"}',
    `{"log":"\\q","stream":"stdout","time":"${TIME}"}`,
  ];
  const odd = `{ "time": "${TIME}", "stream": "stderr", "log": "odd\\n", "attrs": {"k":"v"} }`;
  assert.equal(shown(`${[...cut, odd].join('\n')}\n${line('good\n')}`, { details: true }), 'k=v odd\n good\n');
  assert.equal(shown(line('x', { time: '2026-01-01T01:00:00+01:00' })), '');
});
