/**
 * Every case of the corpus, built by the real docker command with buildx and with the classic builder's API, gives what a
 * real Docker 28 gave: `expected/NAME.json`, written by `KOBAKO_RECORD=1` against one. KOBAKO_CASE: a regular expression
 * of the names to build; KOBAKO_BUILDER: buildx or classic alone.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test, type TestContext } from 'node:test';
import { type Builder, buildCase, type Outcome } from './build-case.ts';
import type { BuildCase } from './corpus/case.ts';
import { CORPUS } from './corpus/corpus.ts';
import type { BuildGround } from './ground.ts';

type Expected = Partial<Record<Builder, Outcome>>;

const fileOf = ({ name }: BuildCase) => `${import.meta.dirname}/expected/${name}.json`;

export interface CorpusOptions {
  readonly skip: string | false;
  /** Why a case cannot be built on this engine or machine; undefined: it can. */
  readonly without?: (each: BuildCase, builder: Builder) => string | undefined;
  /** One case of so many is enough, where KOBAKO_CASE names none. */
  readonly every?: number;
  /** The engine has one builder behind both doors: images of the classic one are as BuildKit's, too. */
  readonly oneBuilder?: boolean;
  /** Why a part of a result is another one on this engine, by `CASE: BUILDER: PART`; of any case: `*: BUILDER: PART`. */
  readonly deviations?: Readonly<Record<string, string>>;
}

/** Both doors have one builder behind them: of the older one's every fourth is enough, where KOBAKO_CASE names none. */
const CLASSIC_EVERY = 4;

export function corpusSuite(engine: string, open: () => Promise<BuildGround>, { skip, without, every = 1, oneBuilder, deviations = {} }: CorpusOptions): void {
  const pattern = process.env['KOBAKO_CASE'];
  const cases = CORPUS.filter(({ name }, index) => (pattern === undefined ? index % every === 0 : new RegExp(pattern).test(name)));
  const builders = (['buildx', 'classic'] as const).filter((name) => name.startsWith(process.env['KOBAKO_BUILDER'] ?? ''));
  describe(`${engine} builds the corpus`, { skip }, () => {
    let ground: BuildGround;
    before(async () => {
      ground = await open();
    });
    after(() => ground?.end());
    for (const [index, each] of cases.entries()) {
      for (const builder of builders) {
        if (builder === 'classic' && (each.classic !== true || !(pattern !== undefined || index % CLASSIC_EVERY === 0))) continue;
        const reason = without?.(each, builder) ?? (process.env['KOBAKO_RECORD'] === undefined ? unrecorded(each, builder) : undefined);
        test(`${each.name}: ${builder}`, { skip: reason ?? false, timeout: 400_000 }, async (t) => {
          const outcome = plain(await buildCase(ground, builder, each));
          if (process.env['KOBAKO_RECORD'] === '1') record(each, builder, outcome);
          else await compare(t, outcome, expectedOf(each, builder, oneBuilder === true), (part) => deviationOf(`${builder}: ${part}`, each, deviations));
        });
      }
    }
  });
}

/** As it will be read again. */
const plain = (outcome: Outcome) => JSON.parse(JSON.stringify(outcome)) as Outcome;

const read = (each: BuildCase) => (existsSync(fileOf(each)) ? (JSON.parse(readFileSync(fileOf(each), 'utf8')) as Expected) : {});

function unrecorded(each: BuildCase, builder: Builder): string | undefined {
  return read(each)[builder] === undefined ? 'a real Docker has not been asked yet: KOBAKO_RECORD=1' : undefined;
}

function expectedOf(each: BuildCase, builder: Builder, oneBuilder: boolean): Outcome {
  const { buildx, [builder]: own } = read(each);
  return oneBuilder && builder === 'classic' && buildx?.image !== undefined ? { image: buildx.image } : own!;
}

const deviationOf = (part: string, { name }: BuildCase, deviations: Readonly<Record<string, string>>): string | false =>
  deviations[`${name}: ${part}`] ?? deviations[`*: ${part}`] ?? false;

function record(each: BuildCase, builder: Builder, outcome: Outcome): void {
  const all = { ...read(each), [builder]: outcome };
  writeFileSync(fileOf(each), `${JSON.stringify(all, undefined, 1)}\n`);
}

/** In parts, so that a failure says which part is another; what was written by hand has some of them. */
async function compare(t: TestContext, outcome: Outcome, expected: Outcome, skip: (part: string) => string | false): Promise<void> {
  await t.test('code', { skip: skip('code') }, () => assert.equal(outcome.code ?? 0, expected.code ?? 0, outcome.said?.join('\n')));
  if ((outcome.code ?? 0) !== (expected.code ?? 0)) return;
  await t.test('said', { skip: skip('said') }, () => assert.deepEqual(outcome.said, expected.said));
  for (const part of ['files', 'text'] as const)
    if (expected[part] !== undefined) await t.test(part, { skip: skip(part) }, () => assert.deepEqual(outcome[part], expected[part]));
  for (const part of ['files', 'config', 'history', 'layers'] as const)
    if (expected.image?.[part] !== undefined) await t.test(part, { skip: skip(part) }, () => assert.deepEqual(outcome.image?.[part], expected.image![part]));
}
