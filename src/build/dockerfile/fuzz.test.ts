/** Random and mutated Dockerfiles: they are planned or refused with an `EngineError`, and it ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../base/errors.ts';
import { IgnorePatterns } from '../ignore/patterns.ts';
import { readIgnoreFile } from '../ignore/ignore-file.ts';
import { locationOf, quoteSource } from './failure.ts';
import { parseDockerfile } from './parse.ts';
import type { BaseImage } from './plan.ts';
import { planStages } from './plan-stages.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const SEEDS = [
  'ARG A=1 B\nFROM --platform=$BUILDPLATFORM b:${A:-x} AS one\nARG A\nRUN --mount=type=cache,target=/c,id="$A" echo ${A##*} \\\n # c\n && x\nENV a=b c="d e" f=\nCOPY --from=zz --chown=$A:1 a [b]* /d/\n',
  '# escape=`\n# check=skip=all;experimental=all\nFROM scratch as X\nRUN <<EOF cat <<-"B C"\n$x\nEOF\n\ty\n\tB C\nHEALTHCHECK --interval=1m2.5s CMD ["a"]\nONBUILD COPY <<E /x\nq\nE\nFROM x\nENTRYPOINT ["a", "\\u00e9"]\n',
  'FROM b\nLABEL "a b"=c\\ d e=${f//\\//x} g=\'h\'\nEXPOSE 80-90/udp $P 1.2.3.4:5:6\nVOLUME ["/a", "b"]\nADD https://x/y.tgz git@h:o/r.git#b /\nSHELL ["/bin/sh"]\nUSER ${U:-no}\nSTOPSIGNAL 9\nWORKDIR ../$W\nMAINTAINER x\n',
];
const PIECES = [
  ...[
    '$',
    '${',
    '}',
    ':-',
    '##',
    '%',
    '//',
    "'",
    '"',
    '\\',
    '`',
    '\n',
    '\r\n',
    ' ',
    '\t',
    '<<',
    '<<-',
    'EOF',
    '[',
    ']',
    ',',
    '=',
    '--',
    '--mount=',
    '#',
    '\ufeff',
  ],
  ...[
    '\0',
    '\u0085',
    '\ud800',
    '😀',
    '__proto__',
    'FROM ',
    'ONBUILD ',
    'COPY --from=',
    'RUN ',
    'ENV ',
    'ARG ',
    '/./',
    '..',
    '*',
    '!',
    '99999999999',
    '-1',
    'é',
    '{}',
    '["',
  ],
];

/** mulberry32: the same numbers each time. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutated(text: string, pick: (below: number) => number): string {
  let out = text;
  for (let times = 1 + pick(6); times > 0; times--) {
    const at = pick(out.length + 1);
    const end = Math.min(out.length, at + pick(12));
    const piece = PIECES[pick(PIECES.length)]!;
    switch (pick(4)) {
      case 0:
        out = out.slice(0, at) + piece + out.slice(at);
        break;
      case 1:
        out = out.slice(0, at) + out.slice(end);
        break;
      case 2:
        out = out.slice(0, at) + piece + out.slice(end);
        break;
      default:
        out = out.slice(0, at) + out.slice(at, end).repeat(1 + pick(3)) + out.slice(at);
    }
  }
  return out;
}

function attempt(text: string): 'planned' | 'refused' {
  try {
    const images = new Map<string, BaseImage>();
    for (let tries = 0; tries < 10; tries++) {
      const result = planStages(parseDockerfile(text), { buildPlatform: AMD64, images, allStages: true, buildArgs: { A: '2' }, ignore: ['x'] });
      if (result.plan !== undefined) return 'planned';
      for (const { key } of result.missing) images.set(key, { settings: { OnBuild: ['RUN $A'] }, platform: AMD64 });
    }
    return assert.fail(`images are missing again and again: ${JSON.stringify(text)}`);
  } catch (error) {
    if (!(error instanceof EngineError)) throw new Error(`${JSON.stringify(text)} throws what it must not`, { cause: error });
    assert.equal(error.kind, 'invalid', text);
    assert.equal(typeof quoteSource('Dockerfile', text, locationOf(error) ?? []), 'string');
    return 'refused';
  }
}

test('mutated Dockerfiles', () => {
  const pick = random(20261126);
  for (const seed of SEEDS) assert.equal(attempt(seed), 'planned', seed);
  const seen = { planned: 0, refused: 0 };
  for (let times = 0; times < 3000; times++) seen[attempt(mutated(SEEDS[pick(SEEDS.length)]!, pick))]++;
  assert.ok(seen.planned > 200 && seen.refused > 200, JSON.stringify(seen));
});

test('random pieces', () => {
  const pick = random(7);
  let refused = 0;
  for (let times = 0; times < 2000; times++) {
    const text = `FROM b\n${Array.from({ length: 1 + pick(20) }, () => PIECES[pick(PIECES.length)]).join('')}`;
    if (attempt(text) === 'refused') refused++;
  }
  assert.ok(refused > 100);
});

test('random ignore files', () => {
  const pick = random(11);
  const parts = ['*', '**', '?', '[', ']', '^', '-', 'a', 'b', '/', '.', '..', '!', '\\', '\n', ' ', '#', 'é'];
  let refused = 0;
  for (let times = 0; times < 3000; times++) {
    const text = Array.from({ length: pick(16) }, () => parts[pick(parts.length)]).join('');
    try {
      assert.equal(typeof new IgnorePatterns(readIgnoreFile(text)).matches('a/b/ab'), 'boolean');
    } catch (error) {
      assert.ok(error instanceof EngineError, JSON.stringify(text));
      refused++;
    }
  }
  assert.ok(refused > 100 && refused < 2900);
});
