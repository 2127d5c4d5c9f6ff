/** Modes as `COPY --chmod` takes them: octal, or chmod(1)'s symbols. */
import { invalid } from '../base/errors.ts';

/** `who` and `bits` as masks of 0777 and beyond; `X` only where something may be executed already, or for a folder. */
interface Clause {
  readonly who: number;
  readonly op: '+' | '-' | '=';
  readonly bits: number;
  readonly executeIfAny: boolean;
  /** Bits that are copied from one kind of user: a shift to the right, in bits. */
  readonly copyFrom: number | undefined;
}

export type ModeChange = { readonly kind: 'octal'; readonly mode: number } | { readonly kind: 'symbolic'; readonly clauses: readonly Clause[] };

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };
const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

/** Undefined for ''. Throws `invalid`. */
export function parseChmod(text: string): ModeChange | undefined {
  if (text === '') return undefined;
  if (/^[0-7]{1,5}$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    if (mode > 0o7777) throw invalid(`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`);
    return { kind: 'octal', mode };
  }
  if (/^[0-9]+$/.test(text)) throw invalid(`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`);
  const clauses = text.split(',').flatMap((part) => {
    const [, who = '', actions = ''] = /^([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)$/.exec(part) ?? [];
    if (actions === '') throw invalid(`invalid chmod parameter: '${text}'`);
    const mask = who === '' ? 0o7777 : [...who].reduce((sum, letter) => sum | WHO[letter]!, 0);
    return [...actions.matchAll(/([-+=])([ugo]|[rwxXst]*)/g)].map(([, op, letters = '']): Clause => {
      const copyFrom = SHIFT[letters];
      let bits = 0;
      for (const letter of copyFrom === undefined ? letters : '') {
        if (letter === 'r') bits |= 0o444;
        else if (letter === 'w') bits |= 0o222;
        else if (letter === 'x') bits |= 0o111;
        else if (letter === 's') bits |= 0o6000;
        else if (letter === 't') bits |= 0o1000;
      }
      return { who: mask, op: op as Clause['op'], bits, executeIfAny: letters.includes('X'), copyFrom };
    });
  });
  return { kind: 'symbolic', clauses };
}

/** The mode after the change. */
export function changeMode(mode: number, change: ModeChange | undefined, folder: boolean): number {
  if (change === undefined) return mode;
  if (change.kind === 'octal') return change.mode;
  let now = mode;
  for (const { who, op, bits: given, executeIfAny, copyFrom } of change.clauses) {
    let bits = given;
    if (copyFrom !== undefined) bits = ((now >> copyFrom) & 7) * 0o111;
    if (executeIfAny && (folder || (now & 0o111) !== 0)) bits |= 0o111;
    bits &= who;
    if (op === '+') now |= bits;
    else if (op === '-') now &= ~bits;
    else now = (now & ~(who & (folder ? 0o1777 : 0o7777))) | bits;
  }
  return now;
}
