/** `WWW-Authenticate` (RFC 9110, 11.6.1): a list of challenges, whose parameters are separated by commas just like themselves. */

export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const SPACE = /[ \t]*/y;
const SEPARATORS = /[ \t,]*/y;
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
/** An unquoted value up to the next comma: more than a token allows, as some registries write URLs without quotes. */
const BARE = /[^",\s]+/y;

/** Reads the header's values, one or several. What cannot be read ends the list; what came before it counts. */
export function parseChallenges(values: readonly string[]): Challenge[] {
  return values.flatMap((value) => parseOne(value.slice(0, 16_384)));
}

function parseOne(text: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(SEPARATORS);
    const word = take(TOKEN)?.[0];
    if (word === undefined) return challenges;
    const afterWord = at;
    take(SPACE);
    const current = challenges.at(-1);
    if (text[at] === '=' && current !== undefined) {
      at++;
      take(SPACE);
      const quoted = take(QUOTED)?.[1];
      const value = quoted === undefined ? take(BARE)?.[0] : quoted.replace(/\\(.)/g, '$1');
      if (value === undefined) return challenges;
      // the first of two counts, so that none can be added behind
      if (!current.parameters.has(word.toLowerCase())) current.parameters.set(word.toLowerCase(), value);
      continue;
    }
    challenges.push({ scheme: word.toLowerCase(), parameters: new Map() });
    if (at > afterWord) {
      const start = at;
      if (take(TOKEN68) !== null && !text.slice(start, at).includes('=') && text[at] === '=') at = start;
    }
  }
}
