/** The arguments of an instruction's line: words, pairs, lists and JSON arrays. */
import { wrong } from './failure.ts';
import { goQuote } from '../../base/go-quote.ts';
import { cut, isSpace, skipSpace, splitBlanks } from './text.ts';

/** What follows an instruction's flags. */
export interface Arguments {
  readonly words: readonly string[];
  /** The words are a JSON array's. */
  readonly json: boolean;
}

/** A pair as it is written; `legacy` is the form without `=`. */
export interface Pair {
  readonly key: string;
  readonly value: string;
  readonly legacy: boolean;
}

/** Words at white space that is neither quoted nor escaped. Quotes and escapes stay. */
export function quotedWords(text: string, escape: string): string[] {
  const words: string[] = [];
  let word = '';
  let begun = false;
  let quote = '';
  const end = () => {
    if (begun) words.push(word);
    word = '';
    begun = false;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quote === '' && isSpace(char)) {
      end();
      continue;
    }
    if (char === escape && quote !== "'") {
      // the escape character at the very end of the line is dropped
      if (at + 1 === text.length) break;
      word += char + text[++at]!;
      begun = true;
      continue;
    }
    if (quote === '') quote = char === "'" || char === '"' ? char : '';
    else if (char === quote) quote = '';
    word += char;
    begun = true;
  }
  end();
  return words;
}

/** ENV's and LABEL's: `key=value …`, or `key the rest`. */
export function pairs(text: string, keyword: string, escape: string): Pair[] {
  const words = quotedWords(text, escape);
  if (words.length === 0) return [];
  if (!words[0]!.includes('=')) {
    const [key = '', value] = splitBlanks(text, 2);
    if (value === undefined) throw wrong(`${keyword} must have two arguments`);
    return [{ key, value, legacy: true }];
  }
  return words.map((word) => {
    const [key, value] = cut(word, '=') ?? [];
    if (key === undefined || value === undefined) throw wrong(`Syntax error - can't find = in ${goQuote(word)}. Must be of the form: name=value`);
    return { key, value, legacy: false };
  });
}

/** A list at blanks, whatever is quoted. */
export function blankWords(text: string): string[] {
  return text === '' ? [] : splitBlanks(text);
}

/** A JSON array of strings; undefined for what is no JSON array, as `[ -f x ] && y`. Throws where an element is no string. */
export function jsonWords(text: string): string[] | undefined {
  const body = text.slice(skipSpace(text));
  if (!body.startsWith('[')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  return value.map((element: unknown) => {
    if (typeof element !== 'string') throw wrong('when using JSON array syntax, arrays must be comprised of strings only');
    return element.toWellFormed();
  });
}

/** RUN's, CMD's, ENTRYPOINT's, SHELL's: a JSON array, or all of it as one word. */
export function commandArguments(text: string): Arguments {
  const json = text === '' ? undefined : jsonWords(text);
  if (json !== undefined) return { words: json, json: true };
  return { words: text === '' ? [] : [text], json: false };
}

/** COPY's, ADD's, VOLUME's: a JSON array, or words at blanks. */
export function listArguments(text: string): Arguments {
  const json = jsonWords(text);
  return json === undefined ? { words: blankWords(text), json: false } : { words: json, json: true };
}
