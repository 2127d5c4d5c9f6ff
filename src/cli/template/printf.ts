/** Go's fmt: print, println and printf with its verbs, flags and complaints. */
import { goQuote } from '../../base/go-quote.ts';
import { floatOf, GoSlice, isInt, isNil, mapOf, sliceOf, sortedKeys, Struct, typeName } from './values.ts';

/** Go's own limit of a width. */
const WIDEST = 1_000_000;

/** As `%v` shows it. */
export function sprint(value: unknown): string {
  return format(value, 'v', NO_FLAGS);
}

/** Spaces only between operands of which neither is a string. */
export function sprintAll(values: readonly unknown[]): string {
  return values.map((value, i) => `${i > 0 && typeof value !== 'string' && typeof values[i - 1] !== 'string' ? ' ' : ''}${sprint(value)}`).join('');
}

interface Spec {
  readonly minus: boolean;
  readonly plus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  readonly width: number | undefined;
  readonly precision: number | undefined;
}

const NO_FLAGS: Spec = { minus: false, plus: false, sharp: false, space: false, zero: false, width: undefined, precision: undefined };
const DIRECTIVE = /%([-+# 0]*)(?:\[(\d+)\])?(\*|\d+)?(?:(\.)(?:\[(\d+)\])?(\*|\d+)?)?(?:\[(\d+)\])?([^]?)/gu;

export function sprintf(text: string, values: readonly unknown[]): string {
  let next = 0;
  let reordered = false;
  const take = (index: string | undefined) => {
    if (index !== undefined) {
      reordered = true;
      next = Number(index) - 1;
    }
  };
  const star = (word: string | undefined) => {
    if (word !== '*') return word === undefined ? undefined : Number(word);
    const value = values[next++];
    return isInt(value) && Math.abs(Number(value)) <= WIDEST ? Number(value) : 'bad';
  };
  const out = text.replace(
    DIRECTIVE,
    (_, flags: string, first?: string, wide?: string, dot?: string, second?: string, exact?: string, third?: string, verb?: string) => {
      if (verb === '') return '%!(NOVERB)';
      take(first);
      const width = star(wide);
      take(second);
      const precision = dot === undefined ? undefined : star(exact ?? '0');
      take(third);
      let complaint = '';
      if (width === 'bad' || (width ?? 0) > WIDEST) complaint += '%!(BADWIDTH)';
      if (precision === 'bad' || (precision ?? 0) > WIDEST) complaint += '%!(BADPREC)';
      if (verb === '%') return '%';
      if (next < 0 || (reordered && next >= values.length)) return `${complaint}%!${verb}(BADINDEX)`;
      if (next >= values.length) return `${complaint}%!${verb}(MISSING)`;
      const chosen = typeof width === 'number' && Math.abs(width) <= WIDEST ? width : undefined;
      const spec: Spec = {
        minus: flags.includes('-') || (chosen ?? 0) < 0,
        plus: flags.includes('+'),
        sharp: flags.includes('#'),
        space: flags.includes(' '),
        zero: flags.includes('0') && !flags.includes('-') && (chosen ?? 0) >= 0,
        width: chosen === undefined ? undefined : Math.abs(chosen),
        precision: typeof precision === 'number' && precision <= WIDEST && precision >= 0 ? precision : undefined,
      };
      return complaint + format(values[next++], verb!, spec);
    },
  );
  if (reordered || next >= values.length) return out;
  const extra = values.slice(next).map((value) => (isNil(value) ? '<nil>' : `${typeName(value)}=${sprint(value)}`));
  return `${out}%!(EXTRA ${extra.join(', ')})`;
}

function pad(text: string, spec: Spec, zero = false): string {
  const missing = (spec.width ?? 0) - [...text].length;
  if (missing <= 0) return text;
  if (spec.minus) return text + ' '.repeat(missing);
  if (!zero) return ' '.repeat(missing) + text;
  return /^[+\- ]/.test(text) ? text[0]! + '0'.repeat(missing) + text.slice(1) : '0'.repeat(missing) + text;
}

function wrong(verb: string, value: unknown): string {
  return isNil(value) ? `%!${verb}(<nil>)` : `%!${verb}(${typeName(value)}=${sprint(value)})`;
}

function format(value: unknown, verb: string, spec: Spec): string {
  if (verb === 'T') return pad(isNil(value) ? '<nil>' : typeName(value), spec);
  if (isNil(value)) return verb === 'v' ? pad('<nil>', spec) : wrong(verb, value);
  if (typeof value === 'boolean') return verb === 'v' || verb === 't' ? pad(String(value), spec) : wrong(verb, value);
  if (typeof value === 'string') return formatString(value, verb, spec);
  if (isInt(value)) return formatInt(BigInt(value), verb, spec);
  const float = floatOf(value);
  if (float !== undefined) return formatFloat(float, verb, spec) ?? wrong(verb, value);
  const items = sliceOf(value);
  const each = (item: unknown) => format(item, verb, spec);
  const name = spec.sharp && verb === 'v' ? typeName(value) : undefined;
  if (items !== undefined) return name === undefined ? `[${items.map(each).join(' ')}]` : `${name}{${items.map(each).join(', ')}}`;
  const entries = mapOf(value);
  if (entries !== undefined) {
    const pairs = sortedKeys(entries).map((key) => `${format(key, verb, spec)}:${each(entries[key])}`);
    return name === undefined ? `map[${pairs.join(' ')}]` : `${name}{${pairs.join(', ')}}`;
  }
  if (value instanceof Struct) return formatStruct(value, verb, spec);
  return wrong(verb, undefined);
}

function formatStruct(value: Struct, verb: string, spec: Spec): string {
  const { text } = value.options;
  if (text !== undefined && !(spec.sharp && verb === 'v')) return formatString(text(), verb, spec);
  const fields = Object.entries(value.fields());
  if (spec.sharp && verb === 'v') return `${value.type}{${fields.map(([name, field]) => `${name}:${format(field, verb, spec)}`).join(', ')}}`;
  const labelled = spec.plus && verb === 'v';
  return `{${fields.map(([name, field]) => `${labelled ? `${name}:` : ''}${format(field, verb, spec)}`).join(' ')}}`;
}

function formatString(value: string, verb: string, spec: Spec): string {
  const cut = (text: string) => (spec.precision === undefined ? text : [...text].slice(0, spec.precision).join(''));
  switch (verb) {
    case 'v':
      return pad(spec.sharp ? goQuote(value) : cut(value), spec);
    case 's':
      return pad(cut(value), spec, spec.zero);
    case 'q':
      return pad(spec.sharp && !/[`\p{Cc}]/u.test(value) ? `\`${cut(value)}\`` : goQuote(cut(value), spec.plus), spec);
    case 'x':
    case 'X': {
      const bytes = [...Buffer.from(value).subarray(0, spec.precision)].map((byte) => byte.toString(16).padStart(2, '0'));
      const prefix = spec.sharp && bytes.length > 0 ? '0x' : '';
      const text = spec.space ? bytes.map((byte) => prefix + byte).join(' ') : prefix + bytes.join('');
      return pad(verb === 'X' ? text.toUpperCase() : text, spec, spec.zero);
    }
    default:
      return wrong(verb, value);
  }
}

const BASES: Readonly<Record<string, [base: number, prefix: string]>> = {
  b: [2, '0b'],
  o: [8, '0'],
  O: [8, ''],
  d: [10, ''],
  v: [10, ''],
  x: [16, '0x'],
  X: [16, '0X'],
};

function formatInt(value: bigint, verb: string, spec: Spec): string {
  if (verb === 'c') return pad(char(value), spec, spec.zero);
  if (verb === 'q')
    return pad(
      goQuote(char(value), spec.plus).replace(/^"(.*)"$/, (_, body: string) => `'${body === "'" ? "\\'" : body.replace('\\"', '"')}'`),
      spec,
      spec.zero,
    );
  if (verb === 'U')
    return pad(
      `U+${value
        .toString(16)
        .toUpperCase()
        .padStart(Math.max(4, spec.precision ?? 0), '0')}${spec.sharp ? ` '${char(value)}'` : ''}`,
      spec,
    );
  const base = Object.hasOwn(BASES, verb) ? BASES[verb] : undefined;
  if (base === undefined) return wrong(verb, value);
  let digits = (value < 0n ? -value : value).toString(base[0]);
  if (spec.precision !== undefined) digits = spec.precision === 0 && value === 0n ? '' : digits.padStart(spec.precision, '0');
  const prefix = verb === 'O' ? '0o' : spec.sharp && base[0] !== 10 ? base[1] : '';
  const sign = value < 0n ? '-' : spec.plus && verb !== 'v' ? '+' : spec.space ? ' ' : '';
  const zeros = spec.zero && spec.precision === undefined;
  if (zeros) digits = digits.padStart((spec.width ?? 0) - sign.length, '0');
  const text = sign + prefix + (verb === 'X' ? digits.toUpperCase() : digits);
  return pad(text, spec);
}

function char(value: bigint): string {
  return value < 0n || value > 0x10ffffn || (value >= 0xd800n && value < 0xe000n) ? '\ufffd' : String.fromCodePoint(Number(value));
}

/** Go writes at least two digits of an exponent. */
function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** The shortest that reads as the same number, or so many significant digits. */
function general(value: number, precision: number | undefined): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const digits = precision === 0 ? 1 : precision;
  const [mantissa, power] = (digits === undefined ? value.toExponential() : value.toExponential(Math.min(100, digits - 1))).split('e') as [string, string];
  const tens = Number(power);
  if (tens < -4 || tens >= (digits ?? 6)) return exponent(`${trimmed(mantissa)}e${power}`);
  const decimals = (digits ?? mantissa.replace(/[-.]/g, '').length) - 1 - tens;
  return trimmed(value.toFixed(Math.max(0, Math.min(100, decimals))));
}

function trimmed(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function formatFloat(value: number, verb: string, spec: Spec): string | undefined {
  if (!'vgGeEfF'.includes(verb)) return undefined;
  if (!Number.isFinite(value)) return pad(Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf', spec);
  const precision = spec.precision;
  let text: string;
  if (verb === 'e' || verb === 'E') text = exponent(value.toExponential(Math.min(100, precision ?? 6)));
  else if (verb === 'f' || verb === 'F')
    text = Math.abs(value) < 1e21 ? value.toFixed(Math.min(100, precision ?? 6)) : `${BigInt(value)}.${'0'.repeat(precision ?? 6)}`;
  else text = general(value, precision);
  if (!text.startsWith('-')) text = `${spec.plus && verb !== 'v' ? '+' : spec.space ? ' ' : ''}${text}`;
  return pad(verb === 'G' || verb === 'E' ? text.toUpperCase() : text, spec, spec.zero);
}

/** A slice of strings, as `split` makes it. */
export function strings(items: readonly string[]): GoSlice {
  return new GoSlice('[]string', items);
}
