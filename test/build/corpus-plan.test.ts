/** The language alone: what is planned for the corpus is what a real Docker wrote into its images, and its errors say the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { placesOf, quoteSource } from '../../src/build/dockerfile/failure.ts';
import { parseDockerfile } from '../../src/build/dockerfile/parse.ts';
import type { BaseImage, PlanOptions } from '../../src/build/dockerfile/plan.ts';
import { planStages } from '../../src/build/dockerfile/plan-stages.ts';
import { type Base, BASE_CONFIGS, BASES } from './bases.ts';
import type { Outcome } from './build-case.ts';
import { canonicalText, withoutNothing } from './canonical.ts';
import type { BuildCase } from './corpus/case.ts';
import { CORPUS } from './corpus/corpus.ts';

const platform = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' };
const BASE_OF = new Map(Object.entries(BASES).map(([base, name]) => [name as string, base as Base]));

const SERVER = 'http://127.0.0.1:1';

/** What only the engine can know, or the client does. */
const NOT_OF_THE_LANGUAGE = /^(ignore-|source-|copy-from$|onbuild-stages$|named-context|run-(network-host|security)-denied$)/;

function valuesOf(args: readonly string[], flag: string): string[] {
  return args.flatMap((arg, index) => (args[index - 1] === flag ? [arg] : []));
}

function optionsOf({ args = [], env = {} }: BuildCase): PlanOptions {
  const pairs = (flag: string, lookUp: boolean) =>
    Object.fromEntries(
      valuesOf(args, flag).map((text) => {
        const at = text.indexOf('=');
        return at < 0 ? [text, lookUp ? (env[text] ?? '') : ''] : [text.slice(0, at), text.slice(at + 1)];
      }),
    );
  const epoch = env['SOURCE_DATE_EPOCH'];
  return {
    buildArgs: { ...pairs('--build-arg', true), ...(epoch === undefined ? {} : { SOURCE_DATE_EPOCH: epoch }) },
    labels: pairs('--label', false),
    target: valuesOf(args, '--target')[0],
    buildPlatform: platform,
  };
}

/** The image's settings and history without the base's; or what the client would print of an error. */
function planned(each: BuildCase, text: string): Outcome | { config: unknown; history: unknown } {
  try {
    const dockerfile = parseDockerfile(text);
    const images = new Map<string, BaseImage>();
    for (;;) {
      const { plan, missing } = planStages(dockerfile, { ...optionsOf(each), images });
      if (plan === undefined) {
        for (const { key, name } of missing) {
          const base = BASE_OF.get(name.replace('docker.io/', ''));
          assert.ok(base !== undefined, `no base is called ${name}, ${key}`);
          images.set(key, { platform, settings: BASE_CONFIGS[base] });
        }
        continue;
      }
      const chain = [plan.target];
      for (let { base } = plan.target; base.kind === 'stage'; { base } = chain[0]!) {
        const { index } = base;
        chain.unshift(plan.stages.find((stage) => stage.index === index)!);
      }
      const lines = chain.flatMap(({ steps }) => steps.flatMap(({ history }) => history));
      const { author, settings } = plan.target;
      return {
        config: withoutNothing({ ...settings, author, architecture: 'host' }),
        history: lines.map(({ created_by: by, comment, empty_layer: empty, author: who }) =>
          withoutNothing({ by: by.replaceAll(SERVER, '@SERVER@'), comment, empty, who }),
        ),
      };
    }
  } catch (error) {
    const quoted = placesOf(error).flatMap((place) =>
      canonicalText(quoteSource('Dockerfile', text, place))
        .replaceAll(SERVER, '@SERVER@')
        .split('\n'),
    );
    return {
      code: 1,
      said: [...quoted.map((line) => line.trimEnd()).filter((line) => line !== ''), `ERROR: failed to build: failed to solve: ${(error as Error).message}`],
    };
  }
}

function withoutDate(line: Record<string, unknown>): Record<string, unknown> {
  const { when: _, ...rest } = line;
  return rest;
}

for (const each of CORPUS.filter(({ name, result = 'image' }) => !NOT_OF_THE_LANGUAGE.test(name) && result === 'image')) {
  const expected = (JSON.parse(readFileSync(`${import.meta.dirname}/expected/${each.name}.json`, 'utf8')) as { buildx: Outcome }).buildx;
  // a step that fails is no matter of the language
  const ran = expected.said?.some((line) => line.startsWith(' > [')) === true;
  test(each.name, { skip: ran ? 'it fails when it runs' : false }, async (t) => {
    const written = each.dockerfile ?? readFileSync(`${import.meta.dirname}/corpus/dockerfiles/${each.name}.Dockerfile`, 'utf8');
    const text = written.replaceAll('@SERVER@', SERVER);
    const outcome = planned(each, text);
    if (expected.code !== undefined) {
      const said = expected.said!.filter((line) => !/warnings? found|^ - \w+: /.test(line));
      return assert.deepEqual('said' in outcome ? outcome.said : outcome, said);
    }
    const { image } = expected;
    assert.ok('history' in outcome, JSON.stringify(outcome));
    if (image!.config !== undefined)
      await t.test('config', () => {
        const { created: _, ...config } = image!.config as Record<string, unknown>;
        assert.deepEqual(outcome.config, config);
      });
    if (image!.history !== undefined)
      await t.test('history', () => {
        const own = (image!.history as Record<string, unknown>[]).filter(({ comment }) => comment !== undefined).map(withoutDate);
        assert.deepEqual(outcome.history, own);
      });
  });
}
