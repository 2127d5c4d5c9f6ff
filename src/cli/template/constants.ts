/** Go's string, character and number constants. */
import type { NumberNode } from './nodes.ts';

const SIMPLE: Readonly<Record<string, string>> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\' };

/** What a quoted constant stands for; undefined for one that is no Go. */
export function unquote(text: string): string | undefined {
  const quote = text[0]!;
  const body = text.slice(1, -1);
  if (quote === '`') return body.replaceAll('\r', '');
  let wrong = false;
  const bytes: string[] = [];
  // \x and octal stand for bytes: they are put together as UTF-8
  const pieces = body.match(/\\(?:x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^])|[^\\]+|\\/g) ?? [];
  for (const piece of pieces) {
    if (!piece.startsWith('\\')) {
      if (piece.includes(quote)) wrong = true;
      bytes.push(Buffer.from(piece).toString('latin1'));
      continue;
    }
    const escape = piece.slice(1);
    const code = escape.length < 2 ? undefined : Number.parseInt(escape.replace(/^[xuU]/, ''), /^[0-7]{3}$/.test(escape) ? 8 : 16);
    if (escape === quote) bytes.push(escape);
    else if (code === undefined) {
      if (!Object.hasOwn(SIMPLE, escape)) wrong = true;
      bytes.push(SIMPLE[escape] ?? '');
    } else if (/^[uU]/.test(escape)) {
      if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) wrong = true;
      else bytes.push(Buffer.from(String.fromCodePoint(code)).toString('latin1'));
    } else if (code > 255) wrong = true;
    else bytes.push(String.fromCharCode(code));
  }
  return wrong ? undefined : Buffer.from(bytes.join(''), 'latin1').toString('utf8');
}

const MAX = 2n ** 63n;

/** A number or character constant; a sentence for one that is none. */
export function numberConstant(text: string, pos: number): NumberNode | string {
  const made = (int: bigint | undefined, float: number, isFloat = false): NumberNode => ({ kind: 'number', pos, text, int, float, isFloat });
  if (text.startsWith("'")) {
    const char = unquote(text);
    if (char === undefined || char === '') return 'invalid syntax';
    if ([...char].length > 1) return `malformed character constant: ${text}`;
    return made(BigInt(char.codePointAt(0)!), char.codePointAt(0)!);
  }
  if (!/^[+-]?(0[xX]_?[0-9a-fA-F]|0[bB]_?[01]|0[oO]_?[0-7]|[0-9]|\.[0-9])/.test(text) || /__|_$|_\.|\._|[eEpP.][+-]?$(?<!\d\.)/.test(text))
    return `illegal number syntax: ${JSON.stringify(text)}`;
  const plain = text.replaceAll('_', '').replace(/^\+/, '');
  const [sign, digits] = plain.startsWith('-') ? [-1n, plain.slice(1)] : [1n, plain];
  if (/^(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|[0-9]+)$/.test(digits)) {
    const octal = /^0[0-7]+$/.test(digits);
    if (/^0[0-9]+$/.test(digits) && !octal) return `illegal number syntax: ${JSON.stringify(text)}`;
    const value = sign * BigInt(octal ? `0o${digits.slice(1)}` : digits.toLowerCase());
    if (value >= MAX || value < -MAX) return `integer overflow: ${JSON.stringify(text)}`;
    return made(value, Number(value));
  }
  const float = /^0[xX]/.test(digits) ? hexFloat(digits) : Number(digits);
  if (!Number.isFinite(float)) return `illegal number syntax: ${JSON.stringify(text)}`;
  const value = Number(sign) * float;
  return made(Number.isSafeInteger(value) ? BigInt(value) : undefined, value, true);
}

function hexFloat(text: string): number {
  const match = /^0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?\d+)$/.exec(text);
  if (match === null) return Number.NaN;
  return Number.parseInt(`${match[1]}${match[2]}`, 16) * 2 ** (Number(match[3]) - 4 * match[2]!.length);
}
