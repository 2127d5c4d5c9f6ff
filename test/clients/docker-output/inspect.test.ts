/** `inspect` is byte for byte the real docker's, which had the same documents. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../../src/base/errors.ts';
import { INSPECT_FLAGS } from '../../../src/cli/container-flags.ts';
import type { CliContext } from '../../../src/cli/context.ts';
import { parseFlags } from '../../../src/cli/flags.ts';
import { runInspect, type Finder, type Kind } from '../../../src/cli/inspect.ts';
import { documents } from './documents.ts';
import { recorded, recording } from './recorded.ts';

const DOCUMENTS = documents(recording.now);

function finder(kind: Kind): Finder {
  return async (name) => {
    const document = DOCUMENTS[`/${kind}s/${name}${kind === 'container' || kind === 'image' ? '/json' : ''}`];
    if (document === undefined) throw new EngineError('not-found', `No such ${kind}: ${name}`);
    return { kind, document: document as object };
  };
}

/** Docker's client writes these anew from its structs, in their order. */
const rewritten = (args: readonly string[]) => args.join(' ') === 'volume inspect data remote';
/** In templates.test.ts. */
const ofTemplates = (args: readonly string[]) => args[1] === 'inspect' && args.at(-1) === 'remote';

test(`as docker ${recording.client}`, async () => {
  const all = [...recorded('inspect'), ...(['image', 'network', 'volume'] as const).flatMap((kind) => recorded(kind, 'inspect'))];
  const cases = all.filter(({ args }) => !rewritten(args) && !ofTemplates(args));
  assert.ok(cases.length > 50);
  for (const { args, stdout, stderr, code } of cases) {
    const ours = { stdout: '', stderr: '', code: 0 };
    const stream = (name: 'stdout' | 'stderr') => ({ write: (text: string) => ((ours[name] += text), true) });
    const context = { stdout: stream('stdout'), stderr: stream('stderr') } as unknown as CliContext;
    const kinds: readonly Kind[] = args[0] === 'inspect' ? ['container', 'image', 'network', 'volume'] : [args[0] as Kind];
    const flags = parseFlags(INSPECT_FLAGS, args.slice(args.indexOf('inspect') + 1), { interspersed: true });
    try {
      ours.code = await runInspect(context, flags, Object.fromEntries(kinds.map((kind) => [kind, finder(kind)])));
    } catch (error) {
      ours.stderr += `${(error as Error).message}\n`;
      ours.code = ((error as EngineError).detail as { exitCode?: number } | undefined)?.exitCode ?? 1;
    }
    assert.deepEqual(ours, { stdout, stderr, code }, `docker ${args.join(' ')}`);
  }
});
