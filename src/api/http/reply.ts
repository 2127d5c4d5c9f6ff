/** The heads of answers, as text. */
import { STATUS_CODES } from 'node:http';
import { EngineError } from '../../base/errors.ts';

export const API_VERSION = '1.51';

/** Makes heads with what is the same in all of them. */
export class Heads {
  readonly #common: string;
  readonly #starts = new Map<number, string>();
  #date = '';
  #dateAt = -1;

  constructor(product: string) {
    this.#common = `Api-Version: ${API_VERSION}\r\nDocker-Experimental: false\r\nOstype: linux\r\nServer: ${checked('Server', product)}\r\n`;
  }

  /** `fields` are whole lines. */
  head(status: number, fields: string): string {
    let start = this.#starts.get(status);
    if (start === undefined) {
      start = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n${this.#common}`;
      this.#starts.set(status, start);
    }
    return `${start}Date: ${this.#now()}\r\n${fields}\r\n`;
  }

  /** Of a connection that becomes a stream; the lines that are the same in all answers come last, as dockerd has it. */
  hijackHead(type: string | undefined, upgrade: string | undefined): string {
    const fields = fieldLines({
      ...(type === undefined ? {} : { 'Content-Type': type }),
      ...(upgrade === undefined ? {} : { Connection: 'Upgrade', Upgrade: upgrade }),
    });
    return `HTTP/1.1 ${upgrade === undefined ? '200 OK' : '101 UPGRADED'}\r\n${fields}${this.#common}\r\n`;
  }

  #now(): string {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#dateAt) {
      this.#dateAt = second;
      this.#date = new Date(second * 1000).toUTCString();
    }
    return this.#date;
  }
}

/** Header lines of what a route gives. Throws for what would break out of its line. */
export function fieldLines(fields: Readonly<Record<string, string>>): string {
  let lines = '';
  for (const [name, value] of Object.entries(fields)) lines += `${name}: ${checked(name, value)}\r\n`;
  return lines;
}

function checked(name: string, value: string): string {
  // eslint-disable-next-line no-control-regex -- they are what must not be there
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw new EngineError('internal', `header ${name}: invalid value ${JSON.stringify(value)}`);
  return value;
}

/** The whole answer to what is no request. */
export function problemText(status: number, message: string): string {
  const reason = `${status} ${STATUS_CODES[status] ?? 'Unknown'}`;
  return `HTTP/1.1 ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${reason}: ${message.replace(/[^\x20-\x7e]/g, '?')}`;
}
