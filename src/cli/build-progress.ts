/** A build's progress: which way it is shown, and as lines, as buildx shows it with `--progress=plain`. */
import { EngineError, invalid } from '../base/errors.ts';
import type { BuildEvent, VertexEvent } from '../engine/builds-contract.ts';
import { rawJson } from './build-raw-json.ts';
import { TtyProgress } from './build-tty.ts';
import type { CliContext } from './context.ts';
import { humanSize } from './units.ts';

interface Shown {
  readonly number: number;
  readonly name: string;
  started: number | undefined;
  done: boolean;
  /** A line of its output that has no end yet, by stream. */
  open: string;
}

export interface BuildView {
  readonly show: (event: BuildEvent) => void;
  /** The build has ended. */
  end(): void;
}

/** `mode`: `--progress`, buildx's values. Undefined shows nothing. Throws `invalid` for another, and for a terminal that is none. */
export function buildView({ stderr, env }: Pick<CliContext, 'stderr' | 'env'>, mode: string): BuildView | undefined {
  const write = (text: string) => void stderr.write(text);
  switch (mode) {
    case '':
    case 'auto':
      return stderr.isTTY ? terminal(stderr, env) : new PlainProgress(write);
    case 'tty':
      if (!stderr.isTTY)
        throw new EngineError('unavailable', 'failed to get console: the standard error output is no terminal', { hint: 'use --progress=plain' });
      return terminal(stderr, env);
    case 'plain':
      return new PlainProgress(write);
    case 'rawjson':
      return { show: (event) => write(rawJson(event)), end: () => {} };
    case 'quiet':
      return undefined;
    default:
      throw invalid(`invalid progress mode ${mode}`);
  }
}

function terminal(out: CliContext['stderr'], env: CliContext['env']): BuildView {
  return new TtyProgress(out, { colours: !env['NO_COLOR'] });
}

export class PlainProgress implements BuildView {
  readonly #write: (text: string) => void;
  readonly #vertices = new Map<string, Shown>();
  #last: Shown | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  readonly show = (event: BuildEvent): void => {
    switch (event.kind) {
      case 'vertex':
        return this.#vertex(event);
      case 'log':
        return this.#log(event.vertex, event.data.toString());
      case 'status': {
        const shown = this.#vertices.get(event.vertex);
        if (shown === undefined || event.completed === undefined) return;
        const size = event.total > 0 ? ` ${humanSize(event.current)}` : '';
        return this.#line(shown, `${event.id}${size} done`);
      }
      case 'warning': {
        const line = event.ranges[0]?.start.line;
        return this.#write(`WARN: ${event.short}${line === undefined ? '' : ` (line ${line})`}\n`);
      }
      default:
    }
  };

  end(): void {}

  #vertex({ digest, name, started, completed, cached, error }: VertexEvent): void {
    let shown = this.#vertices.get(digest);
    if (shown === undefined) {
      if (started === undefined) return;
      shown = { number: this.#vertices.size + 1, name, started, done: false, open: '' };
      this.#vertices.set(digest, shown);
      this.#turnTo(shown);
    }
    if (completed === undefined || shown.done) return;
    shown.done = true;
    if (shown.open !== '') this.#line(shown, shown.open);
    shown.open = '';
    if (error !== undefined) this.#line(shown, `ERROR: ${error}`);
    else this.#line(shown, cached === true ? 'CACHED' : `DONE ${((completed - (started ?? completed)) / 1000).toFixed(1)}s`);
  }

  #log(vertex: string, text: string): void {
    const shown = this.#vertices.get(vertex);
    if (shown === undefined) return this.#write(text);
    const lines = (shown.open + text).split('\n');
    shown.open = lines.pop()!;
    const seconds = ((Date.now() - (shown.started ?? Date.now())) / 1000).toFixed(3);
    for (const line of lines) this.#line(shown, `${seconds} ${line}`);
  }

  #line(shown: Shown, text: string): void {
    this.#turnTo(shown);
    this.#write(`#${shown.number} ${text}\n`);
  }

  /** Lines of one step stand together below its name. */
  #turnTo(shown: Shown): void {
    if (this.#last === shown) return;
    this.#write(`${this.#last === undefined ? '' : '\n'}#${shown.number} ${shown.name}\n`);
    this.#last = shown;
  }
}

/** The lines of a Dockerfile around what failed, as docker quotes them. */
export function quoted(
  filename: string,
  text: string,
  ranges: readonly { readonly start: { readonly line: number }; readonly end: { readonly line: number } }[],
): string {
  const first = ranges[0];
  if (first === undefined) return '';
  const lines = text.split('\n');
  const [start, end] = [first.start.line, first.end.line];
  const from = Math.max(1, start - 2);
  const to = Math.min(lines.length, end + 2);
  const width = 4;
  const rows = lines.slice(from - 1, to).map((line, index) => {
    const number = from + index;
    return `${String(number).padStart(width)} | ${number >= start && number <= end ? '>>>' : '   '} ${line}`;
  });
  const rule = '-'.repeat(20);
  return `${filename}:${start}\n${rule}\n${rows.join('\n')}\n${rule}\n`;
}
