/** Answers of two engines beside each other: what must differ is made the same, what is left is a difference. */

export interface Difference {
  readonly endpoint: string;
  /** Which of the cases. */
  readonly name: string;
  /** Where in the answer: `/HostConfig/Memory`. */
  readonly path: string;
  /** JSON; undefined: it is not there. */
  readonly theirs: string | undefined;
  readonly ours: string | undefined;
}

/** What one engine answered, by endpoint. */
export type Seen = Readonly<Record<string, unknown>>;

export function differences(name: string, theirs: Seen, ours: Seen): Difference[] {
  const endpoints = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])];
  return endpoints.flatMap((endpoint) => {
    const [left, right] = [new Map(leaves(theirs[endpoint], '')), new Map(leaves(ours[endpoint], ''))];
    return [...new Set([...left.keys(), ...right.keys()])].flatMap((path) =>
      left.get(path) === right.get(path) ? [] : [{ endpoint, name, path, theirs: left.get(path), ours: right.get(path) }],
    );
  });
}

function leaves(value: unknown, path: string): [string, string][] {
  if (typeof value !== 'object' || value === null) return value === undefined ? [] : [[path, JSON.stringify(value)]];
  const entries = Object.entries(value);
  if (entries.length === 0) return [[path, JSON.stringify(value)]];
  return entries.flatMap(([key, each]) => leaves(each, `${path}/${key}`));
}

/** Numbers that are another's each time. */
const MOMENTS = new Set(['Created', 'time', 'timeNano', 'NFd', 'NGoroutines', 'NEventsListener', 'execDuration']);

/** The same for both: ids, times, process ids, the folder of the engine's data; lists that have no order get one. */
export function normal(value: unknown, dataRoot: string, key = ''): unknown {
  if (typeof value === 'string') {
    if (MOMENTS.has(key)) return '<moment>';
    return value
      .replace(/(Less than a second|(An? \w+|About an? \w+|\d+ (second|minute|hour)s?))(?= ago$|$| \()/, '<duration>')
      .replaceAll(dataRoot, '<root>')
      .replace(/(?<!sha256:|[0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g, '<id>')
      .replace(/^[0-9a-f]{12}$/, '<id>')
      .replace(/(?!0001)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, '<time>');
  }
  if (typeof value === 'number') return MOMENTS.has(key) ? '<moment>' : key === 'Pid' && value !== 0 ? '<pid>' : value;
  if (Array.isArray(value)) return value.map((each) => normal(each, dataRoot, key)).toSorted((a, b) => compare(orderOf(a), orderOf(b)));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name.replace(/^[0-9a-f]{64}$/, '<id>'), normal(each, dataRoot, name)]));
}

function orderOf(value: unknown): string {
  const { Destination, Name } = (typeof value === 'object' && value !== null ? value : {}) as { Destination?: string; Name?: string };
  return Destination ?? Name ?? '';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
