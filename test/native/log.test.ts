/** The log writer in C under random chunks, beside a plain reading of what Docker's json-file driver does. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectDir } from '../support/paths.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const PIECE = 16384;

interface Chunk {
  readonly stream: 0 | 1;
  readonly end: boolean;
  readonly time: bigint;
  readonly data: Buffer;
}

interface Entry {
  readonly log: string;
  readonly stream: string;
  readonly time: string;
}

/** Byte by byte, one buffer for each stream. */
function reference(chunks: readonly Chunk[]): Entry[] {
  const out: Entry[] = [];
  const streams = [0, 1].map(() => ({ bytes: [] as number[], split: false, since: 0n }));
  for (const { stream, end, time, data } of chunks) {
    const state = streams[stream]!;
    const emit = (newline: boolean) => {
      const at = state.split ? state.since : time;
      out.push({ log: decode(state.bytes) + (newline ? '\n' : ''), stream: stream === 0 ? 'stdout' : 'stderr', time: rfc3339(at) });
      state.bytes = [];
      return at;
    };
    for (const byte of end ? [] : data) {
      if (byte === 10) {
        emit(true);
        state.split = false;
        continue;
      }
      state.bytes.push(byte);
      if (state.bytes.length < PIECE) continue;
      state.since = emit(false);
      state.split = true;
    }
    if (end && state.bytes.length > 0) emit(false);
  }
  return out;
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

/** As Go does: each byte that belongs to no character becomes U+FFFD. */
function decode(bytes: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length;) {
    let taken = 1;
    let character = bytes[i]! < 0x80 ? String.fromCharCode(bytes[i]!) : '';
    for (let n = 2; n <= 4 && character === '' && i + n <= bytes.length; n++) {
      const text = lenient.decode(Uint8Array.from(bytes.slice(i, i + n)));
      if (text.includes('\ufffd') || [...text].length !== 1) continue;
      character = text;
      taken = n;
    }
    parts.push(character || '\ufffd');
    i += taken;
  }
  return parts.join('');
}

function rfc3339(ns: bigint): string {
  const whole = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  const fraction = String(ns % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${whole}${fraction === '' ? '' : `.${fraction}`}Z`;
}

function random(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const PIECES = ['a', 'line of text\n', '\n', '\0', '\x1b[0m', '"\\/<>&', 'é', '\u2028\u2029', '日本', '😀', '\r\n', '\x7f', '\u0800', '\uffff', '\ufeff'];
const BROKEN = ['ff', 'c3', 'e2 82', 'f0 9f 98', 'c0 80', 'ed a0 80', 'f5 80 80 80', '80', 'e0 80 80', 'f4 90 80 80'].map((hex) =>
  Buffer.from(hex.replaceAll(' ', ''), 'hex'),
);

function randomChunks(pick: (below: number) => number): Chunk[] {
  let time = 1_700_000_000_000_000_000n + BigInt(pick(2 ** 31)) * 1_000_000_007n;
  return Array.from({ length: 60 }, (_, i): Chunk => {
    time += BigInt(pick(3) === 0 ? 0 : pick(2_000_000_000));
    const stream = pick(2) as 0 | 1;
    if (i > 57 || pick(40) === 0) return { stream: i > 57 ? ((i - 58) as 0 | 1) : stream, end: true, time, data: Buffer.alloc(0) };
    const long = pick(6);
    const parts =
      long === 0
        ? [Buffer.alloc(PIECE - 3 + pick(6) + PIECE * pick(3), 'x'), Buffer.from(pick(2) ? '\n' : '')]
        : Array.from({ length: pick(12) }, () =>
            pick(3) === 0 ? BROKEN[pick(BROKEN.length)]! : Buffer.from(PIECES[pick(PIECES.length)]!.repeat(1 + pick(pick(8) === 0 ? 3000 : 3))),
          );
    return { stream, end: false, time, data: Buffer.concat(parts).subarray(0, 65536) };
  });
}

test('random chunks come out as the reference has them, with and without rotation', { timeout: 120_000 }, async (t) => {
  const folder = tempFor(t);
  const path = join(folder, 'drive-log');
  const native = join(projectDir, 'native');
  const made = await run('cc', [
    ...['-std=gnu11', '-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-I', native],
    ...[join(native, 'fuzz/drive-log.c'), join(native, 'log.c'), '-o', path],
  ]).catch(() => undefined);
  if (made === undefined) return t.skip('no C compiler');
  assert.equal(made.code, 0, made.stderr);
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  const rounds = Number(process.env['KOBAKO_FUZZ_ROUNDS'] ?? 6);
  for (let round = 0; round < rounds; round++) {
    const chunks = randomChunks(random(seed + round));
    const file = join(folder, `log-${round}`);
    const records = chunks.flatMap(({ stream, end, time, data }) => {
      const head = Buffer.alloc(16);
      head.writeUInt8(stream, 0);
      head.writeUInt8(end ? 1 : 0, 1);
      head.writeUInt32LE(data.length, 4);
      head.writeBigUInt64LE(time, 8);
      return [head, data];
    });
    writeFileSync(`${file}.in`, Buffer.concat(records));
    const maxSize = [0, 20_000, 100_000][round % 3]!;
    const most = 9;
    const extra = round % 2 ? ',"attrs":{"a":"b"}' : '';
    const { code, stderr } = await run('sh', ['-c', `exec "$0" "$@" < ${file}.in`, path, file, String(maxSize), String(most), extra]);
    assert.equal(code, 0, `SEED=${seed + round}: ${stderr.slice(0, 3000)}`);
    const files = Array.from({ length: most }, (_, i) => (i === 0 ? file : `${file}.${i}`)).filter((name) => existsSync(name));
    const lines = files.toReversed().flatMap((name) => readFileSync(name, 'utf8').split('\n').slice(0, -1));
    const wanted = reference(chunks);
    const got = lines.map((line) => JSON.parse(line) as Entry & { attrs?: unknown });
    assert.deepEqual(
      got.map(({ log, stream, time }) => ({ log, stream, time })),
      // what was rotated away is the beginning, and no more than had to go
      files.length < most ? wanted : wanted.slice(-got.length),
      `SEED=${seed + round}`,
    );
    if (extra !== '') for (const { attrs } of got) assert.deepEqual(attrs, { a: 'b' });
    assert.ok(got.length > 0 && (maxSize === 0) === (files.length === 1), `${files.length} files`);
  }
  t.diagnostic(`SEED=${seed}`);
});
