/** What no client should send: values, names, documents and bodies, random but the same for the same seed. */

export type Pick = (below: number) => number;

/** As parts of a path, with their escapes. */
export const HOSTILE_NAMES: readonly string[] = [
  '..%2f..%2f..%2fetc%2fpasswd',
  '%2e%2e',
  '%2e%2e%2f%2e%2e%2fetc',
  '..',
  '.',
  '../../etc',
  '%00',
  'a%00b',
  '%ff%fe',
  '%',
  '%zz',
  '%0d%0aX-Injected:%201',
  '%20',
  '%2f',
  'a%2fb',
  '-rf',
  '*',
  '$(id)',
  ';',
  '__proto__',
  'constructor',
  'toString',
  'sha256:',
  `sha256:${'0'.repeat(64)}`,
  '0'.repeat(64),
  'x'.repeat(5000),
  '%F0%9F%92%A5',
  'UPPER',
  'name@sha256:00',
  'a:b:c',
];

const DEEP = 2000;
const VALUES: readonly (() => unknown)[] = [
  () => null,
  () => true,
  () => -1,
  () => 0,
  () => 1.5,
  () => 2 ** 53,
  () => -(2 ** 63),
  () => 1e308,
  () => '',
  () => ' ',
  () => 'x'.repeat(70_000),
  () => '../../../../etc/passwd',
  () => '/proc/self/mem',
  () => 'a\0b',
  () => 'line\nline',
  () => '\ud800',
  () => '💥'.repeat(100),
  () => '%s%n$(reboot)`id`',
  () => '__proto__',
  () => [],
  () => [null],
  () => [[[]]],
  () => ['', -1, {}],
  () => Array<string>(5000).fill('a'),
  () => ({}),
  () => ({ '': '' }),
  () => JSON.parse('{"__proto__":{"a":1},"constructor":1}') as unknown,
  () => Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`key${index}`, index])),
  () => nested(DEEP),
];

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let at = 0; at < depth; at++) value = at % 2 === 0 ? [value] : { a: value };
  return value;
}

export function hostileValue(pick: Pick): unknown {
  return VALUES[pick(VALUES.length)]!();
}

/** The document with some of its values, at any depth, replaced. */
export function mutated(document: unknown, pick: Pick): unknown {
  if (pick(6) === 0 || typeof document !== 'object' || document === null) return hostileValue(pick);
  const entries = Object.entries(document);
  const at = pick(entries.length + 1);
  // a name that is not asked for, or one in other letters, is no error in Docker
  if (at === entries.length) return Array.isArray(document) ? [...(document as unknown[]), hostileValue(pick)] : { ...document, Unknown: hostileValue(pick) };
  const changed = entries.map(([name, value], index) => [name, index === at ? mutated(value, pick) : value] as const);
  return Array.isArray(document) ? changed.map(([, value]) => value) : Object.fromEntries(changed);
}

/** As `name=value&…`, with its escapes, or without. */
export function hostileQuery(names: readonly string[], pick: Pick): string {
  const parts = Array.from({ length: pick(4) }, () => {
    const name = names[pick(names.length)]!;
    const value = hostileValue(pick);
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `${name}=${pick(4) === 0 ? HOSTILE_NAMES[pick(HOSTILE_NAMES.length)] : encodeURIComponent(text.slice(0, 5000).toWellFormed())}`;
  });
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

/** Bytes that are no document, or hardly one. */
export function hostileBytes(pick: Pick): Buffer {
  const kinds: readonly (() => string | Buffer)[] = [
    () => '',
    () => '{',
    () => '{"a":',
    () => 'null',
    () => '"text"',
    () => '[]',
    () => '{}{}',
    () => '['.repeat(100_000),
    () => '{"a":'.repeat(50_000),
    () => '\ufeff{}',
    () => '{"Image":"busybox","Image":5}',
    () => Buffer.from(Array.from({ length: 3000 }, () => pick(256))),
    () => Buffer.alloc(10_240), // the end of an archive
    () => 'x'.repeat(200_000),
  ];
  return Buffer.from(kinds[pick(kinds.length)]!());
}
