/** How lists are shown: docker's `--format`, the formats of its config file, and tables with their headings. */
import { invalid } from '../base/errors.ts';
import type { CliContext } from './context.ts';
import { tabulate } from './table.ts';
import { goJson } from './template/json.ts';
import { TemplateError } from './template/nodes.ts';
import { Template } from './template/template.ts';
import { Struct } from './template/values.ts';

/** One row of a list, or a document: what `--format` asks for is made then. */
export type Row = Struct;

/** What a list has, by field: the headings of its table. */
export type Headings = Readonly<Record<string, string>>;

/** A row of lazily made fields. `type` is its name in Go, which errors show; methods take a word: `{{.Label "x"}}`. */
export function row(type: string, fields: Readonly<Record<string, () => unknown>>, methods: Readonly<Record<string, (word: string) => string>> = {}): Row {
  const names = [...Object.keys(fields), ...Object.keys(methods)];
  const json = () =>
    goJson(
      Object.fromEntries(
        Object.keys(fields)
          .toSorted()
          .map((name) => [name, fields[name]!()]),
      ),
      { html: true },
    );
  return new Struct(type, names, (name) => (Object.hasOwn(fields, name) ? fields[name]!() : methods[name]), { json });
}

/** `key=value,…`, and one of them. Docker's own order is random. */
export function labels(all: Readonly<Record<string, string>> | null | undefined): {
  fields: { Labels: () => string };
  methods: { Label: (name: string) => string };
} {
  const entries = all ?? {};
  return {
    fields: {
      Labels: () =>
        Object.keys(entries)
          .toSorted()
          .map((key) => `${key}=${entries[key]}`)
          .join(','),
    },
    methods: { Label: (name) => (Object.hasOwn(entries, name) ? entries[name]! : '') },
  };
}

/** Runs what may throw `TemplateError`; throws `invalid`, with docker's words before Go's. */
export function withTemplate<T>(work: () => T, words: (error: TemplateError) => string = () => 'template parsing error'): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof TemplateError ? invalid(`${words(error)}: ${error.message}`) : error;
  }
}

/** A template as a list takes it: with `\t` and `\n`, and `json` for one that prints all. */
export function listTemplate(format: string): Template {
  const body = format === 'json' ? '{{json .}}' : format.replace(/^table/, '').replace(/^ +| +$/g, '');
  return new Template(body.replaceAll('\\t', '\t').replaceAll('\\n', '\n'));
}

/** The whole text of a list: with its headings where the format is a table's. Throws `invalid`. */
export function formatList(format: string, rows: Iterable<Row>, headings: Headings): string {
  return withTemplate(() => {
    const template = listTemplate(format);
    const lines = Array.from(rows, (each) => `${template.execute(each)}\n`);
    if (!format.startsWith('table')) return lines.join('');
    const names = [...Object.keys(headings), 'Label'];
    const heading = new Struct('formatter.SubHeaderContext', names, (name) => (name === 'Label' ? labelHeading : headings[name]));
    return tabulate([`${template.headings(heading)}\n`, ...lines].join(''));
  });
}

/** `com.example.some-tier` is headed by `some tier`. */
function labelHeading(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1).replace(/[-_]/g, ' ');
}

/** What docker's config file says of formats, `psFormat` for instance. */
export function configFormat(context: Pick<CliContext, 'env' | 'readFile'>, key: string): string | undefined {
  const folder = context.env['DOCKER_CONFIG'] || `${context.env['HOME'] ?? ''}/.docker`;
  try {
    const config: unknown = JSON.parse(context.readFile(`${folder}/config.json`));
    const value = typeof config === 'object' && config !== null && Object.hasOwn(config, key) ? (config as Record<string, unknown>)[key] : undefined;
    return typeof value === 'string' && value !== '' ? value : undefined;
  } catch {
    return undefined; // a list is shown without a config, too
  }
}

export interface Shapes {
  /** The table without a template. */
  readonly table: string;
  /** With `-q`. */
  readonly quiet: string;
  /** docker's old `raw`. */
  readonly raw?: string;
}

/** The format to use: what was given, else what the config file says, else the table; `-q` is stronger than a config. */
export function chooseFormat({ table, quiet, raw }: Shapes, given: string | undefined, isQuiet: boolean, config: () => string | undefined): string {
  const format = given || (isQuiet ? undefined : config()) || 'table';
  if (format === 'table') return isQuiet ? quiet : table;
  return format === 'raw' && raw !== undefined ? raw : format;
}
