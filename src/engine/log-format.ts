/**
 * From lines of the json-file log to what clients get, many lines at a time: Docker's frames, or the bytes alone for a
 * terminal. The monitor writes its lines in one form, which is taken apart here as bytes; any other is parsed.
 */
import { rfc3339Fixed } from '../base/time.ts';
import { attributesText } from './log-attributes.ts';
import { parseEntry } from './logs.ts';

export interface LogFormat {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Unix time in nanoseconds: entries from then on, and up to then. */
  readonly since?: bigint | undefined;
  readonly until?: bigint | undefined;
  /** Before each entry: its time, with nine digits. */
  readonly timestamps?: boolean | undefined;
  /** Before each entry: its attributes, as a query. */
  readonly details?: boolean | undefined;
  /** In Docker's framing, 8 bytes before each entry. */
  readonly framed: boolean;
}

const [NEWLINE, QUOTE, SPACE, DOT, ZERO, BACKSLASH, BRACE, ZULU] = [10, 34, 32, 46, 48, 92, 125, 90];
const [LETTER_O, LETTER_U] = [111, 117];
const HEAD = Buffer.from('{"log":"');
const TIME_KEY = Buffer.from(',"time":"');
/** Between an entry's text and what follows: `","stream":"stdout"`. */
const STREAM = Buffer.from('","stream":"std');
const STREAM_LENGTH = 19;
/** `2026-01-01T00:00:00` */
const SECONDS_LENGTH = 19;
const TIME_LENGTH = SECONDS_LENGTH + 11;
const FRAME = 8;
/** The end of the year 9999, after which the texts no longer sort as the times do. */
const LATEST = 253_402_300_799_999_999_999n;
const ESCAPES = new Map([...'"\\/bfnrt'].map((letter, at) => [letter.charCodeAt(0), '"\\/\b\f\n\r\t'.charCodeAt(at)]));

export class LogFormatter {
  readonly #format: LogFormat;
  readonly #since: Buffer | undefined;
  readonly #until: Buffer | undefined;
  /** The attributes of the last line that had some, as they stand in the log and as they are shown: most lines have the same. */
  #attrs: { readonly raw: Buffer; readonly shown: Buffer } = { raw: Buffer.alloc(0), shown: Buffer.alloc(0) };
  readonly #time = Buffer.alloc(TIME_LENGTH);
  #out = Buffer.alloc(0);
  #length = 0;
  #over = false;

  constructor(format: LogFormat) {
    this.#format = format;
    this.#since = limit(format.since);
    this.#until = limit(format.until);
  }

  /** An entry came that is later than `until`: nothing that follows is wanted. */
  get over(): boolean {
    return this.#over;
  }

  /** Whole lines in, what is shown of them out. */
  format(lines: Buffer): Buffer {
    // nearly always enough: a line is longer than what is made of it, but for attributes
    this.#out = Buffer.allocUnsafe(lines.length);
    this.#length = 0;
    for (let at = 0; at < lines.length && !this.#over;) {
      const end = lines.indexOf(NEWLINE, at);
      if (!this.#plain(lines, at, end)) this.#parsed(lines.toString('utf8', at, end));
      at = end + 1;
    }
    return this.#out.subarray(0, this.#length);
  }

  /** False: the line has not the form that the monitor gives it. */
  #plain(lines: Buffer, start: number, end: number): boolean {
    // from the end: "} and the time, of which only the fraction's length varies
    if (end - start < 60 || lines[end - 1] !== BRACE || lines[end - 2] !== QUOTE || lines[end - 3] !== ZULU) return false;
    const least = end - 3 - TIME_LENGTH;
    let time = end - 3 - SECONDS_LENGTH;
    while (time > least && lines[time - 1] !== QUOTE) time--;
    const key = time - TIME_KEY.length;
    if (!same(lines, key, TIME_KEY)) return false;
    let tail = key;
    let details: Buffer | undefined;
    if (lines[key - 1] === BRACE) {
      const { raw, shown } = this.#attrs;
      tail -= raw.length;
      if (raw.length === 0 || tail < start || !same(lines, tail, raw)) return false;
      details = shown;
    }
    const textEnd = tail - STREAM_LENGTH;
    if (textEnd < start + HEAD.length || !same(lines, textEnd, STREAM) || !same(lines, start, HEAD)) return false;
    const isOut = lines[tail - 4] === LETTER_O;
    this.#setTime(lines, time, end - 3);
    this.#reserve(end - start + (details?.length ?? 0));
    const before = this.#length;
    if (!this.#begin(isOut, details)) return true;
    if (this.#text(lines, start + HEAD.length, textEnd)) {
      this.#finish(before, isOut);
      return true;
    }
    this.#length = before;
    return false;
  }

  #parsed(line: string): void {
    const entry = parseEntry(line);
    const match = entry && /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?Z$/.test(entry.time) ? entry : undefined;
    if (match === undefined) return;
    const { attrs } = match;
    if (attrs !== undefined) this.#attrs = { raw: Buffer.from(attributesText(attrs)), shown: shownAttributes(attrs) };
    const time = Buffer.from(match.time);
    this.#setTime(time, 0, time.length - 1);
    const text = Buffer.from(match.log);
    this.#reserve(text.length + FRAME + TIME_LENGTH + 2 + this.#attrs.shown.length);
    const before = this.#length;
    const isOut = match.stream === 'stdout';
    if (!this.#begin(isOut, attrs === undefined ? undefined : this.#attrs.shown)) return;
    text.copy(this.#out, this.#length);
    this.#length += text.length;
    this.#finish(before, isOut);
  }

  /** The fraction gets its nine digits. */
  #setTime(from: Buffer, start: number, end: number): void {
    const time = this.#time;
    const length = end - start;
    for (let at = 0; at < length; at++) time[at] = from[start + at]!;
    if (length === SECONDS_LENGTH) time[SECONDS_LENGTH] = DOT;
    for (let at = Math.max(length, SECONDS_LENGTH + 1); at < TIME_LENGTH - 1; at++) time[at] = ZERO;
    time[TIME_LENGTH - 1] = ZULU;
  }

  /** Writes what stands before an entry's text, with room for the frame's header. False: it is not shown. */
  #begin(isOut: boolean, details: Buffer | undefined): boolean {
    const { stdout, stderr, timestamps, details: withDetails, framed } = this.#format;
    if (this.#until !== undefined && Buffer.compare(this.#time, this.#until) > 0) {
      this.#over = true;
      return false;
    }
    if (!(isOut ? stdout : stderr)) return false;
    if (this.#since !== undefined && Buffer.compare(this.#time, this.#since) < 0) return false;
    if (framed) this.#length += FRAME;
    if (timestamps) {
      this.#out.set(this.#time, this.#length);
      this.#length += TIME_LENGTH;
      this.#out[this.#length++] = SPACE;
    }
    if (withDetails) {
      if (details !== undefined) this.#out.set(details, this.#length);
      this.#length += details?.length ?? 0;
      this.#out[this.#length++] = SPACE;
    }
    return true;
  }

  #finish(before: number, isOut: boolean): void {
    if (!this.#format.framed) return;
    this.#out.writeUInt32BE((isOut ? 1 : 2) << 24, before);
    this.#out.writeUInt32BE(this.#length - before - FRAME, before + 4);
  }

  /** The bytes of a JSON string. False: it is none, or has surrogates. */
  #text(lines: Buffer, start: number, end: number): boolean {
    const out = this.#out;
    let length = this.#length;
    for (let at = start; at < end; at++) {
      const byte = lines[at]!;
      if (byte === QUOTE) return false;
      if (byte !== BACKSLASH) {
        out[length++] = byte;
        continue;
      }
      const letter = lines[++at]!;
      const plain = ESCAPES.get(letter);
      if (plain !== undefined) {
        if (at >= end) return false;
        out[length++] = plain;
        continue;
      }
      const digits = letter === LETTER_U && at + 4 < end ? lines.toString('latin1', at + 1, at + 5) : '';
      if (!/^[0-9a-f]{4}$/i.test(digits) || /^d[89a-f]/i.test(digits)) return false;
      length += out.write(String.fromCharCode(Number.parseInt(digits, 16)), length);
      at += 4;
    }
    this.#length = length;
    return true;
  }

  #reserve(bytes: number): void {
    if (this.#out.length - this.#length >= bytes) return;
    const room = Buffer.allocUnsafe(this.#out.length * 2 + bytes);
    room.set(this.#out.subarray(0, this.#length));
    this.#out = room;
  }
}

function limit(time: bigint | undefined): Buffer | undefined {
  if (time === undefined) return undefined;
  return Buffer.from(rfc3339Fixed(time < 0n ? 0n : time > LATEST ? LATEST : time));
}

function same(bytes: Buffer, at: number, wanted: Buffer): boolean {
  for (let index = 0; index < wanted.length; index++) if (bytes[at + index] !== wanted[index]) return false;
  return true;
}

/** As Docker shows them: sorted, `a=b,c=d`, escaped as in a query. */
function shownAttributes(attrs: Readonly<Record<string, string>>): Buffer {
  const escaped = (text: string) =>
    encodeURIComponent(text)
      .replaceAll('%20', '+')
      .replaceAll(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
  const pairs = Object.entries(attrs).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(pairs.map(([key, value]) => `${escaped(key)}=${escaped(value)}`).join(','));
}
