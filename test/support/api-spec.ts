/**
 * Holds answers against Docker's own specification of its API (../shared/specs, OpenAPI 2). What Go cannot help is
 * allowed: nil slices, maps and pointers are null. What the specification does not list is reported, but for ALLOWED.
 */
import { existsSync, readFileSync } from 'node:fs';
import Ajv2019, { type ValidateFunction } from 'ajv/dist/2019.js';
import { parse } from 'yaml';
import type { Route } from '../../src/api/contract.ts';
import { Router, takeVersion } from '../../src/api/router.ts';
import { projectDir } from './paths.ts';

const FILE = `${projectDir}/../shared/specs/docker-engine-api-1.51.yaml`;

const BEFORE_ACTOR = 'dockerd still sends what clients before API 1.22 read';
/** Properties that the specification does not list; each with why they may be there. Names as `DEFINITION.PROPERTY`. */
const ALLOWED: ReadonlyMap<string, string> = new Map([
  ['EventMessage.status', BEFORE_ACTOR],
  ['EventMessage.id', BEFORE_ACTOR],
  ['EventMessage.from', BEFORE_ACTOR],
  ['HostConfig.Kobako', 'what this engine can and the API cannot say; only where it was given'],
]);

const POINTER = "a pointer in dockerd, null in its answers, which the specification's writers forgot";
/** Numbers, flags and strings that may be null, although the specification does not say so; each with why. */
const NULLABLE: ReadonlyMap<string, string> = new Map([
  ['Resources.MemorySwappiness', POINTER],
  ['Resources.OomKillDisable', POINTER],
  ['GET /exec/{id}/json.ExitCode', `${POINTER}; null until it has ended`],
]);

type Schema = Readonly<Record<string, unknown>>;
type Mutable = Record<string, unknown>;

const ERROR: Schema = { $ref: '#/definitions/ErrorResponse' };

interface Operation {
  readonly responses: Readonly<Record<string, { readonly schema?: Schema }>>;
}

interface Document {
  readonly definitions: Readonly<Record<string, Schema>>;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export interface ApiSpec {
  /** What is wrong with an answer; nothing: []. `body` is the document, undefined for none. */
  problems(method: string, path: string, status: number, body: unknown): readonly string[];
  /** The names of a definition's properties, those of what it is made of too. */
  properties(definition: string): readonly string[];
}

/** Why there is no specification here; undefined when there is. */
export function noApiSpec(): string | undefined {
  return existsSync(FILE) ? undefined : "Docker's API specification is not at hand here (../shared/specs)";
}

let loaded: ApiSpec | undefined;

/** Read once; takes a second. */
export function apiSpec(): ApiSpec {
  loaded ??= new Spec(parse(readFileSync(FILE, 'utf8')) as Document);
  return loaded;
}

class Spec implements ApiSpec {
  readonly #document: Document;
  readonly #router: Router;
  readonly #ajv = new Ajv2019.default({ allErrors: true, strict: false, validateFormats: false, verbose: true });
  readonly #validators = new Map<Schema, ValidateFunction>();

  constructor(document: Document) {
    this.#document = document;
    const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => ({ method: method.toUpperCase(), path: withSlashes(path), handler: () => {} }) as Route),
    );
    this.#router = new Router(routes);
    for (const [name, schema] of Object.entries(document.definitions)) {
      this.#ajv.addSchema(convert(schema, name, false), `urn:closed:${name}`);
      this.#ajv.addSchema(convert(schema, name, true), `urn:open:${name}`);
    }
  }

  problems(method: string, path: string, status: number, body: unknown): readonly string[] {
    const what = `${method} ${path} ${status}`;
    const { schema, name, problem } = this.#answer(method, path, status);
    if (problem !== undefined) return [`${what}: ${problem}`];
    if (schema === undefined) return [];
    // a text is no document
    if (body === undefined) return method === 'HEAD' || schema['type'] === 'string' ? [] : [`${what}: no document`];
    let validate = this.#validators.get(schema);
    if (validate === undefined) {
      validate = this.#ajv.compile(convert(schema, name, false));
      this.#validators.set(schema, validate);
    }
    if (validate(body)) return [];
    return validate.errors!.filter((error) => !isAllowed(error)).map((error) => `${what}: ${sentence(error)}`);
  }

  properties(definition: string): readonly string[] {
    const schema = this.#document.definitions[definition];
    if (schema === undefined) throw new Error(`the specification has no ${definition}`);
    return this.#propertiesOf(schema);
  }

  #propertiesOf(schema: Schema): readonly string[] {
    if (typeof schema['$ref'] === 'string') return this.properties(schema['$ref'].split('/').at(-1)!);
    const parts = (schema['allOf'] ?? []) as readonly Schema[];
    return [...Object.keys(schema['properties'] ?? {}), ...parts.flatMap((part) => this.#propertiesOf(part))];
  }

  /** Without a schema and without a problem it may be anything. */
  #answer(method: string, path: string, status: number): { readonly schema?: Schema | undefined; readonly name: string; readonly problem?: string } {
    const versioned = takeVersion(path.split('?')[0]!);
    const match = 'refused' in versioned ? undefined : this.#router.find(method, versioned.path);
    const template = match?.route.path.replace('...', '') ?? '';
    const name = `${method} ${template}`;
    const responses = this.#document.paths[template]?.[method.toLowerCase()]?.responses;
    const response = responses?.[status];
    if (response !== undefined) return { schema: response.schema, name };
    // any request may fail, listed or not
    if (status >= 400) return { schema: ERROR, name };
    return { name, problem: responses === undefined ? 'the specification has no such path' : 'the specification has no such status' };
  }
}

/** Names of images and plugins may have slashes. */
function withSlashes(path: string): string {
  return /^\/(?:images|distribution|plugins)\//.test(path) ? path.replace('{name}', '{name...}') : path;
}

/** As JSON Schema 2019-09. An `open` one is a part of another, which says what else there may be. */
function convert(schema: Schema, where: string, open: boolean): Mutable {
  if (typeof schema['$ref'] === 'string') return { $ref: `urn:${open ? 'open' : 'closed'}:${schema['$ref'].split('/').at(-1)!}` };
  const result: Mutable = { title: where };
  for (const key of ['required', 'minimum', 'maximum', 'pattern', 'minItems', 'maxItems']) if (schema[key] !== undefined) result[key] = schema[key];
  const { type, properties, allOf, items, additionalProperties } = schema as {
    readonly type?: string;
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly allOf?: readonly Schema[];
    readonly items?: Schema;
    readonly additionalProperties?: Schema | boolean;
  };
  const nullable = type === 'array' || type === 'object' || schema['x-nullable'] === true || NULLABLE.has(where);
  if (type !== undefined) result['type'] = nullable ? [type, 'null'] : type;
  if (schema['enum'] !== undefined) result['enum'] = nullable ? [...(schema['enum'] as unknown[]), null] : schema['enum'];
  if (items !== undefined) result['items'] = convert(items, `${where}[]`, false);
  if (properties !== undefined)
    result['properties'] = Object.fromEntries(
      Object.entries(properties).map(([name, each]) => [name, nullableRef(each, convert(each, `${where}.${name}`, false))]),
    );
  if (allOf !== undefined) result['allOf'] = allOf.map((part) => convert(part, where, true));
  if (typeof additionalProperties === 'object') result['additionalProperties'] = convert(additionalProperties, `${where}.*`, false);
  else if (additionalProperties !== true && !open && (properties !== undefined || allOf !== undefined)) result['unevaluatedProperties'] = false;
  return result;
}

/** Beside a `$ref` nothing counts in OpenAPI 2; Docker's writers mean it all the same. */
function nullableRef(schema: Schema, converted: Mutable): Mutable {
  return schema['$ref'] !== undefined && schema['x-nullable'] === true ? { anyOf: [{ type: 'null' }, converted] } : converted;
}

type Problem = NonNullable<ValidateFunction['errors']>[number];

function isAllowed(error: Problem): boolean {
  if (error.keyword !== 'unevaluatedProperties') return false;
  const { title } = error.parentSchema as { readonly title: string };
  return ALLOWED.has(`${title}.${(error.params as { readonly unevaluatedProperty: string }).unevaluatedProperty}`);
}

function sentence(error: Problem): string {
  const where = error.instancePath || 'the document';
  const { title } = (error.parentSchema ?? {}) as { readonly title?: string };
  if (error.keyword === 'unevaluatedProperties')
    return `${where}: unknown property ${title}.${(error.params as { readonly unevaluatedProperty: string }).unevaluatedProperty}`;
  return `${where}: ${error.message} (${title ?? error.schemaPath}), got ${JSON.stringify(error.data)?.slice(0, 100)}`;
}
