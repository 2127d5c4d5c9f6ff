/**
 * The corpus's Dockerfiles, mutated: the language plans them or refuses them with an error that has its place, and it
 * ends. KOBAKO_ROUNDS: how many; KOBAKO_SEED: the first seed.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EngineError } from '../../src/base/errors.ts';
import { placesOf, quoteSource } from '../../src/build/dockerfile/failure.ts';
import { parseDockerfile } from '../../src/build/dockerfile/parse.ts';
import type { BaseImage } from '../../src/build/dockerfile/plan.ts';
import { planStages } from '../../src/build/dockerfile/plan-stages.ts';
import { Findings } from '../../src/build/dockerfile/rules.ts';
import { randomNumbers } from '../support/random-tree.ts';
import { CORPUS } from './corpus/corpus.ts';

const ROUNDS = Number(process.env['KOBAKO_ROUNDS'] ?? 2000);
const FIRST = Number(process.env['KOBAKO_SEED'] ?? 1);
const platform = { os: 'linux', architecture: 'amd64' };

const TEXTS = CORPUS.map(({ name, dockerfile }) => dockerfile ?? readFileSync(`${import.meta.dirname}/corpus/dockerfiles/${name}.Dockerfile`, 'utf8'));
/** What the language gives a meaning to, and what no editor shows. */
const PIECES = [
  ...[
    '$',
    '${',
    '}',
    '${A:-',
    '${A##*',
    '${A//x/',
    ':?',
    '\\',
    '`',
    '"',
    "'",
    '\n',
    '\r\n',
    '\\\n',
    ' ',
    '\t',
    '<<EOF\n',
    '<<-"E"\n',
    'EOF\n',
    '#',
    '# escape=`\n',
    '# check=error=true\n',
  ],
  ...[
    '# syntax=docker/dockerfile:1\n',
    'FROM ',
    ' AS ',
    'FROM scratch\n',
    'ONBUILD ',
    'ARG ',
    'ENV ',
    'COPY ',
    '--from=',
    '--link ',
    '--parents ',
    '--chmod=',
    '--mount=type=',
    'RUN ',
    '--network=',
  ],
  ...[
    'HEALTHCHECK --interval=',
    'CMD [',
    ']',
    '["',
    '"]',
    ',',
    '=',
    '/',
    '..',
    '*',
    '[a-',
    '**',
    '?',
    '!',
    '\0',
    '\u0085',
    '\ufeff',
    '\ud800',
    '😀',
    '\u2028',
    '99999999999999999999',
    '-1',
    '0x10',
    '1e9',
    '__proto__',
    'constructor',
  ],
];

/** BuildKit's words about the file as a whole, which have no line there either. */
const WITHOUT_PLACE =
  /^(?:file with no instructions|the Dockerfile cannot be empty|dockerfile contains no stages to build|failed to parse check options: |lint violation found for rules: )/;
/** BuildKit's line of a directive, and of a line without end, is 0. */
const AT_ZERO = /^(?:invalid escape token |dockerfile line greater than max allowed size )/;

function mutated(seed: number): string {
  const random = randomNumbers(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  let text = pick(TEXTS);
  for (let times = 1 + below(8); times > 0; times--) {
    const at = below(text.length + 1);
    const end = Math.min(text.length, at + below(40));
    const lines = text.split('\n');
    switch (below(9)) {
      case 0:
        text = text.slice(0, at) + pick(PIECES) + text.slice(at);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(end);
        break;
      case 2:
        text = text.slice(0, at) + pick(PIECES) + text.slice(end);
        break;
      case 3:
        text = text.slice(0, at) + text.slice(at, end).repeat(1 + below(4)) + text.slice(at);
        break;
      case 4:
        text = lines.toSpliced(below(lines.length), 1).join('\n');
        break;
      case 5:
        text = lines.toSpliced(below(lines.length), 0, pick(lines), pick(pick(TEXTS).split('\n'))).join('\n');
        break;
      case 6:
        text = `${text}\n${pick(TEXTS)}`;
        break;
      case 7:
        text = text.slice(0, at) + String.fromCharCode(below(below(2) === 0 ? 128 : 65_536)) + text.slice(at);
        break;
      default:
        text = text.slice(0, at);
    }
  }
  return text;
}

function attempt(seed: number, text: string): 'planned' | 'refused' {
  const images = new Map<string, BaseImage>();
  try {
    for (let tries = 0; tries < 10; tries++) {
      const findings = new Findings();
      const options = { buildArgs: { A: '2', NAME: 'x' }, buildPlatform: platform, images, allStages: true, ignore: ['*.md'] };
      const { plan, missing } = planStages(parseDockerfile(text, findings), options, findings);
      if (plan !== undefined) return 'planned';
      for (const { key } of missing) images.set(key, { platform, settings: { OnBuild: ['RUN echo $A', 'COPY . /x'] } });
    }
    return assert.fail(`seed ${seed}: images are missing again and again: ${JSON.stringify(text)}`);
  } catch (error) {
    const about = `seed ${seed}: ${(error as Error).message}: ${JSON.stringify(text)}`;
    if (!(error instanceof EngineError)) throw new Error(`${about} throws what it must not`, { cause: error });
    assert.equal(error.kind, 'invalid', about);
    assert.ok(error.message !== '', about);
    const [place] = placesOf(error);
    if (place === undefined) assert.match(error.message, WITHOUT_PLACE, about);
    else if (place[0]?.start === 0) assert.match(error.message, AT_ZERO, about);
    else {
      assert.ok(place.length > 0, about);
      const count = text.split('\n').length;
      for (const { start, end } of place) assert.ok(start >= 1 && start <= end && end <= count, `${about}: lines ${start} to ${end} of ${count}`);
      assert.notEqual(quoteSource('Dockerfile', text, place), '', about);
    }
    return 'refused';
  }
}

test('mutated Dockerfiles of the corpus', (t) => {
  t.diagnostic(`seeds ${FIRST} to ${FIRST + ROUNDS - 1}`);
  const seen = { planned: 0, refused: 0 };
  let slowest = { seed: 0, ms: 0 };
  for (let seed = FIRST; seed < FIRST + ROUNDS; seed++) {
    const began = performance.now();
    seen[attempt(seed, mutated(seed))]++;
    const ms = Math.round(performance.now() - began);
    if (ms > slowest.ms) slowest = { seed, ms };
  }
  t.diagnostic(`${JSON.stringify(seen)}, the slowest was ${JSON.stringify(slowest)}`);
  assert.ok(ROUNDS < 100 || (seen.planned > ROUNDS / 20 && seen.refused > ROUNDS / 4), JSON.stringify(seen));
});

test('long ones: lines, continuations, here-documents, words, stages, nested expansions', () => {
  const many = 20_000;
  const texts = [
    `FROM a\nRUN ${'x \\\n'.repeat(many)}\n`,
    `FROM a\n${'# comment\n'.repeat(many)}RUN x\n`,
    `FROM a\nRUN <<EOF\n${'line\n'.repeat(many)}EOF\n`,
    `FROM a\nRUN ${Array.from({ length: 300 }, (_, index) => `<<E${index}`).join(' ')}\n${Array.from({ length: 300 }, (_, index) => `E${index}\n`).join('')}`,
    `FROM a\nENV ${Array.from({ length: 3000 }, (_, index) => `K${index}=\${K${index - 1}:-v}`).join(' ')}\n`,
    `FROM a\nENV X=${'${X:-'.repeat(2000)}${'}'.repeat(2000)}\n`,
    `FROM a\nENV X=${'${X:-'.repeat(50_000)}\n`,
    `FROM a\nENV X=${'x'.repeat(100_000)} Y=\${X//x/yy} Z=\${Y##*y*y*y*z}\n`,
    Array.from({ length: 2000 }, (_, index) => `FROM ${index === 0 ? 'a' : `s${index - 1}`} AS s${index}\nARG A\n`).join(''),
    `FROM a\nCOPY ${'f '.repeat(many)}/d/\n`,
    `FROM a\nCMD ${'['.repeat(many)}\n`,
    `FROM a\nCMD ["${'\\u0041'.repeat(many)}"]\n`,
    `FROM a\nLABEL ${'a=b '.repeat(many)}\n`,
    `FROM a\n${'ONBUILD '.repeat(many)}RUN x\n`,
    `FROM a\nEXPOSE ${'1-65535 '.repeat(8000)}\n`,
    `FROM a\nRUN ${'--mount=type=cache,target=/x '.repeat(2000)}true\n`,
    `${' '.repeat(100_000)}FROM a${' '.repeat(100_000)}\n`,
    '\\\n'.repeat(many),
    `FROM ${'a/'.repeat(many)}b\n`,
    `FROM a\nWORKDIR ${'a/../'.repeat(many)}\n`,
  ];
  for (const [index, text] of texts.entries()) assert.match(attempt(-index, text), /planned|refused/);
});
