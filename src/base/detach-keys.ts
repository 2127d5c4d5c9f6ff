/** Keys that end an attachment and leave the process running. */
import { EngineError, invalid } from './errors.ts';

/** Docker's, where nobody chose others. */
export const DETACH_KEYS = 'ctrl-p,ctrl-q';

/** Finds the detach keys in what is typed. Keys typed so far are held back until it is clear that they are not those. */
export class DetachKeys {
  readonly #keys: Buffer;
  #matched = 0;

  /** `ctrl-p,ctrl-q` or single characters, comma-separated, as docker takes them; '' for none. */
  constructor(text: string) {
    this.#keys = parseDetachKeys(text);
  }

  /** What was held back, at the end of the input. */
  rest(): Buffer {
    const held = this.#keys.subarray(0, this.#matched);
    this.#matched = 0;
    return held;
  }

  push(chunk: Buffer): { pass: Buffer; detached: boolean } {
    if (this.#keys.length === 0) return { pass: chunk, detached: false };
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        if (++this.#matched === this.#keys.length) return { pass: Buffer.from(pass), detached: true };
        continue;
      }
      pass.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) pass.push(byte);
    }
    return { pass: Buffer.from(pass), detached: false };
  }
}

/** The bytes that detach keys stand for. Throws `invalid` for a key that is no key. */
export function parseDetachKeys(text: string): Buffer {
  if (text === '') return Buffer.alloc(0);
  const bytes = text.split(',').map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control === undefined) throw invalid(`unknown detach key ${JSON.stringify(key)}`, 'a key is one character, or ctrl- and one of a-z @ [ \\ ] ^ _');
    return control.toUpperCase().charCodeAt(0) & 0x1f;
  });
  return Buffer.from(bytes);
}

/** Throws `invalid`, as dockerd does before anything else happens, also where nothing is typed. */
export function checkDetachKeys(what: 'detach' | 'escape', text = ''): void {
  try {
    parseDetachKeys(text);
  } catch (error) {
    throw new EngineError('invalid', `Invalid ${what} keys (${text}) provided`, { cause: error, hint: (error as EngineError).hint });
  }
}
