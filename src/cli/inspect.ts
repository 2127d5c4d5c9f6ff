/** `docker inspect`: documents with an indentation of four, as one line, or through a template. */
import { EngineError, invalid } from '../base/errors.ts';
import { engineSays, type CliContext } from './context.ts';
import type { Flags } from './flags.ts';
import { withTemplate } from './format.ts';
import { goValue } from './go-types.ts';
import { TemplateError } from './template/nodes.ts';
import { Template } from './template/template.ts';

/** The kinds of objects, in the order in which a name is looked for. */
const KINDS = ['container', 'image', 'network', 'volume'] as const;
export type Kind = (typeof KINDS)[number];

/** What docker's `--type` takes besides: there are no such objects here. */
const SWARM = ['config', 'node', 'plugin', 'secret', 'service', 'task'];

const GO_TYPES: Readonly<Record<Kind, string>> = {
  container: 'container.InspectResponse',
  image: 'image.InspectResponse',
  network: 'network.Inspect',
  volume: 'volume.Volume',
};

export interface Inspected {
  /** Whose struct templates see; a document of no such kind is seen as it is. */
  readonly kind?: Kind | undefined;
  readonly document: object;
}

/** A bad template's exit code. */
const BAD_TEMPLATE = 64;

/** Makes the text of documents. Throws `invalid` for what is no template. */
export function inspector(format: string | undefined): (found: readonly Inspected[]) => { text: string; errors: readonly string[] } {
  if (!format)
    return (found) => ({
      text: `${JSON.stringify(
        found.map(({ document }) => document),
        null,
        4,
      )}\n`,
      errors: [],
    });
  if (format === 'json') return (found) => ({ text: `${JSON.stringify(found.map(({ document }) => document))}\n`, errors: [] });
  const template = parsed(format);
  return (found) => {
    const errors: string[] = [];
    const lines = found.flatMap((each) => {
      try {
        return [`${execute(template, each)}\n`];
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        errors.push(`template parsing error: ${error.message}`);
        return [];
      }
    });
    return { text: lines.join('') || '\n', errors };
  };
}

function parsed(format: string): Template {
  try {
    return withTemplate(() => new Template(format));
  } catch (error) {
    throw error instanceof EngineError ? new EngineError('invalid', error.message, { detail: { exitCode: BAD_TEMPLATE } }) : error;
  }
}

/** As docker: what the struct does not have may be in the document. */
function execute(template: Template, { kind, document }: Inspected): string {
  if (kind !== undefined) {
    try {
      return template.execute(goValue(GO_TYPES[kind], document));
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
    }
  }
  return template.execute(document, { strict: true });
}

/** Gives a document by name; throws `not-found`. */
export type Finder = (name: string, options: { readonly size: boolean }) => Promise<Inspected>;

/**
 * The whole command for names in `flags.rest`: looks for each with the finders, prints what was found, then what was not.
 * With one finder the engine's own words say what is missing. Gives the exit code.
 */
export async function runInspect(context: CliContext, flags: Flags, finders: Readonly<Partial<Record<Kind, Finder>>>): Promise<number> {
  const type = flags.value('type') ?? '';
  const wanted = KINDS.filter((kind) => finders[kind] !== undefined && (type === '' || type === kind));
  if (wanted.length === 0 && !SWARM.includes(type)) {
    const known = [...SWARM, ...KINDS].toSorted().map((name) => JSON.stringify(name));
    throw invalid(`unknown type: ${JSON.stringify(type)}: must be one of ${known.join(', ')}`);
  }
  const inspect = inspector(flags.value('format'));
  const size = flags.on('size');
  if (size && type !== '' && type !== 'container') context.stderr.write(`WARNING: --size ignored for ${type}\n`);
  const found: Inspected[] = [];
  const missing: string[] = [];
  for (const name of flags.rest) {
    try {
      const finder = wanted.map((kind) => finders[kind]!);
      const one = await find(name, finder, size);
      // as docker: it looked for any kind, and found one that has no size
      if (size && type === '' && one.kind !== 'container') context.stderr.write(`WARNING: --size ignored for ${one.kind}\n`);
      found.push(one);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const unknown = error.kind === 'not-found' && wanted.length !== 1;
      missing.push(unknown ? `Error: No such object: ${name}` : engineSays(error));
    }
  }
  const { text, errors } = inspect(found);
  context.stdout.write(text);
  for (const line of [...errors, ...missing]) context.stderr.write(`${line}\n`);
  return errors.length + missing.length > 0 ? 1 : 0;
}

async function find(name: string, finders: readonly Finder[], size: boolean): Promise<Inspected> {
  let last: EngineError = new EngineError('not-found', `No such object: ${name}`);
  for (const finder of finders) {
    try {
      return await finder(name, { size });
    } catch (error) {
      if (!(error instanceof EngineError) || error.kind !== 'not-found') throw error;
      last = error;
    }
  }
  throw last;
}
