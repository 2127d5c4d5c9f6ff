/** As much of JSON Schema (draft 4) as the OCI schemas use. Gives what is wrong, each with where. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/* eslint-disable-next-line typescript/no-explicit-any -- schemas are what they are */
type Schema = any;

const files = new Map<string, Schema>();

function load(file: string): Schema {
  if (!files.has(file)) files.set(file, JSON.parse(readFileSync(file, 'utf8')));
  return files.get(file);
}

/** Follows a `$ref` to a place in this or another file. */
function follow(ref: string, file: string): { schema: Schema; file: string } {
  const [path = '', pointer = ''] = ref.split('#');
  const target = path === '' ? file : resolve(dirname(file), path);
  let schema = load(target);
  for (const part of pointer.split('/').filter(Boolean)) schema = schema[part];
  if (schema === undefined) throw new Error(`${ref} leads nowhere from ${file}`);
  return { schema, file: target };
}

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: Number.isInteger,
  number: (value) => typeof value === 'number',
  array: Array.isArray,
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  null: (value) => value === null,
};

export function schemaErrors(value: unknown, file: string, schema: Schema = load(file), at = '$'): string[] {
  if (schema.$ref !== undefined) {
    const target = follow(schema.$ref, file);
    return schemaErrors(value, target.file, target.schema, at);
  }
  const errors: string[] = [];
  const types = [schema.type ?? []].flat() as string[];
  if (types.length > 0 && !types.some((type) => TYPES[type]!(value))) return [`${at}: is no ${types.join(' or ')}`];
  if (schema.enum !== undefined && !schema.enum.includes(value)) errors.push(`${at}: ${JSON.stringify(value)} is not one of ${schema.enum.join(', ')}`);
  if (typeof value === 'string' && schema.pattern !== undefined && !new RegExp(schema.pattern).test(value))
    errors.push(`${at}: ${value} is not like ${schema.pattern}`);
  if (typeof value === 'number' && schema.minimum !== undefined && value < schema.minimum) errors.push(`${at}: is below ${schema.minimum}`);
  if (typeof value === 'number' && schema.maximum !== undefined && value > schema.maximum) errors.push(`${at}: is above ${schema.maximum}`);
  if (Array.isArray(value)) {
    if (schema.minItems !== undefined && value.length < schema.minItems) errors.push(`${at}: has fewer than ${schema.minItems} entries`);
    if (schema.items !== undefined) value.forEach((item, index) => errors.push(...schemaErrors(item, file, schema.items, `${at}[${index}]`)));
  } else if (TYPES['object']!(value)) {
    const object = value as Record<string, unknown>;
    for (const name of schema.required ?? []) if (object[name] === undefined) errors.push(`${at}.${name}: is missing`);
    for (const [name, item] of Object.entries(object)) {
      const own = schema.properties?.[name];
      const patterns = Object.entries(schema.patternProperties ?? {}).filter(([pattern]) => new RegExp(pattern).test(name));
      if (own !== undefined) errors.push(...schemaErrors(item, file, own, `${at}.${name}`));
      for (const [, other] of patterns) errors.push(...schemaErrors(item, file, other, `${at}.${name}`));
      if (own !== undefined || patterns.length > 0) continue;
      if (schema.additionalProperties === false) errors.push(`${at}.${name}: is unknown`);
      else if (typeof schema.additionalProperties === 'object') errors.push(...schemaErrors(item, file, schema.additionalProperties, `${at}.${name}`));
    }
  }
  for (const part of schema.allOf ?? []) errors.push(...schemaErrors(value, file, part, at));
  for (const kind of ['anyOf', 'oneOf'] as const) {
    if (schema[kind] === undefined) continue;
    const fitting = (schema[kind] as Schema[]).filter((part) => schemaErrors(value, file, part, at).length === 0).length;
    if (fitting === 0 || (kind === 'oneOf' && fitting > 1)) errors.push(`${at}: fits ${fitting} of ${kind}`);
  }
  return errors;
}
