/** What the daemon says of itself: one line for each thing, as logfmt (dockerd's form) or JSON. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'fatal'];

export class Log {
  level: LogLevel;
  readonly #format: 'text' | 'json';
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void, { level = 'info' as LogLevel, format = 'text' as 'text' | 'json' } = {}) {
    this.#write = write;
    this.level = level;
    this.#format = format;
  }

  debug = (message: string, fields?: LogFields): void => this.#log('debug', message, fields);
  info = (message: string, fields?: LogFields): void => this.#log('info', message, fields);
  warn = (message: string, fields?: LogFields): void => this.#log('warn', message, fields);
  error = (message: string, fields?: LogFields): void => this.#log('error', message, fields);
  fatal = (message: string, fields?: LogFields): void => this.#log('fatal', message, fields);

  #log(level: LogLevel, msg: string, fields: LogFields = {}): void {
    if (ORDER.indexOf(level) < ORDER.indexOf(this.level)) return;
    const all = { time: new Date().toISOString(), level, msg, ...fields };
    this.#write(`${this.#format === 'json' ? JSON.stringify(all) : Object.entries(all).map(pair).join(' ')}\n`);
  }
}

function pair([key, value]: [string, unknown]): string {
  const text = String(value);
  return `${key}=${/^[\w.:/@^+-]+$/.test(text) ? text : JSON.stringify(text)}`;
}
