/** A build's progress on a terminal, in the manner of buildx: a line for each step, and the last words of those that run. */
import type { BuildEvent, StatusEvent, VertexEvent } from '../engine/builds-contract.ts';
import type { BuildView } from './build-progress.ts';
import { LiveLines, type Terminal } from './live-lines.ts';
import { humanSize } from './units.ts';
import { cut, displayWidth } from './width.ts';

const REDRAW_MS = 100;
/** Lines that are kept of a step's output: for the terminal, and for when it fails. */
const TAIL = 6;
const KEPT = 200;
/** Where there is no room for a name, there is no line. */
const LEAST_NAME = 12;

interface Step {
  readonly name: string;
  started: number | undefined;
  completed: number | undefined;
  cached: boolean;
  error: string | undefined;
  readonly statuses: Map<string, StatusEvent>;
  readonly lines: string[];
  /** A line of its output that has no end yet. */
  open: string;
}

type Colour = 'blue' | 'red' | 'yellow' | 'faint';
const COLOURS: Readonly<Record<Colour, string>> = { blue: '34', red: '31', yellow: '33', faint: '2' };

/** A line of the display. */
interface Row {
  readonly name: string;
  readonly status: string;
  /** Milliseconds. */
  readonly time: number;
  readonly running: boolean;
  readonly colour: Colour | undefined;
  /** What follows below it where there is room. */
  readonly tail: readonly string[];
}

export interface TtyOptions {
  readonly colours: boolean;
  /** Milliseconds since 1970. */
  now?(): number;
}

export class TtyProgress implements BuildView {
  readonly #out: Terminal;
  readonly #options: TtyOptions;
  readonly #live: LiveLines;
  readonly #steps = new Map<string, Step>();
  readonly #warnings: string[] = [];
  readonly #began: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(out: Terminal, options: TtyOptions) {
    this.#out = out;
    this.#options = options;
    this.#live = new LiveLines(out);
    this.#began = this.#now();
  }

  readonly show = (event: BuildEvent): void => {
    switch (event.kind) {
      case 'vertex':
        this.#vertex(event);
        break;
      case 'status':
        this.#steps.get(event.vertex)?.statuses.set(event.id, event);
        break;
      case 'log':
        this.#log(event.vertex, event.data.toString(), event.timestamp);
        break;
      case 'warning': {
        const line = event.ranges[0]?.start.line;
        this.#warnings.push(`${visible(event.short)}${line === undefined ? '' : ` (line ${line})`}`);
        break;
      }
      default:
        return;
    }
    this.#timer ??= setInterval(() => this.#draw(), REDRAW_MS).unref();
  };

  /** Draws all of it, and what those that failed have said. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#steps.size === 0) return;
    const rows = this.#rows().map((row) => this.#line(row));
    this.#live.finish([this.#head(true), ...rows.filter((line) => line !== undefined)]);
    let text = '';
    for (const { name, error, lines, open } of this.#steps.values()) {
      if (error === undefined || isCancelled(error)) continue;
      text += `------\n > ${visible(name)}:\n${[...lines, ...(open === '' ? [] : [visible(open)])].map((line) => `${line}\n`).join('')}------\n`;
    }
    if (this.#warnings.length > 0) {
      const count = this.#warnings.length;
      text += `\n ${count} warning${count === 1 ? '' : 's'} found:\n${this.#warnings.map((warning) => ` - ${warning}\n`).join('')}`;
    }
    if (text !== '') this.#out.write(text);
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }

  #vertex({ digest, name, started, completed, cached = false, error }: VertexEvent): void {
    const known = this.#steps.get(digest);
    if (known === undefined) this.#steps.set(digest, { name, started, completed, cached, error, statuses: new Map(), lines: [], open: '' });
    else Object.assign(known, { started: started ?? known.started, completed: completed ?? known.completed, cached, error });
  }

  #log(vertex: string, text: string, timestamp: number): void {
    const step = this.#steps.get(vertex);
    if (step === undefined) return this.#aside(text);
    const lines = (step.open + text).split('\n');
    step.open = lines.pop()!.slice(-4096);
    const seconds = ((timestamp - (step.started ?? timestamp)) / 1000).toFixed(3);
    for (const line of lines) step.lines.push(`${seconds} ${visible(line)}`);
    step.lines.splice(0, step.lines.length - KEPT);
  }

  /** What is of no step stands above those that come. */
  #aside(text: string): void {
    this.#live.finish([]);
    this.#out.write(text.split('\n').map(visible).join('\n'));
  }

  #draw(): void {
    if (this.#steps.size === 0) return;
    const height = Math.max(1, (this.#out.rows || 24) - 2);
    const all = this.#rows();
    const running = all.filter((row) => row.running);
    // what is over makes room for what those say that run, but for one line
    let free = Math.max(
      0,
      Math.min(
        sum(running, ({ tail }) => tail.length),
        height - running.length - 1,
      ),
    );
    let left = running.filter(({ tail }) => tail.length > 0).length;
    const lines = [this.#head(false)];
    for (const row of fitting(all, height - free)) {
      const line = this.#line(row);
      if (line !== undefined) lines.push(line);
      if (line === undefined || !row.running || row.tail.length === 0) continue;
      const tail = lastOf(row.tail, Math.floor(free / left--));
      free -= tail.length;
      for (const each of tail) lines.push(this.#coloured(cut(` => => # ${each}`, this.#columns()), 'faint'));
    }
    this.#live.draw(lines);
  }

  #columns(): number {
    return Math.max(1, (this.#out.columns || 80) - 1);
  }

  #head(end: boolean): string {
    const steps = [...this.#steps.values()];
    const done = steps.filter(({ completed }) => completed !== undefined).length;
    const seconds = ((this.#now() - this.#began) / 1000).toFixed(1);
    return cut(`[+] Building ${seconds}s (${done}/${steps.length})${end && done === steps.length ? ' FINISHED' : ''}`, this.#columns());
  }

  #rows(): Row[] {
    const now = this.#now();
    const rows: Row[] = [];
    for (const { name, started, completed, cached, error, statuses, lines, open } of this.#steps.values()) {
      if (started === undefined) continue;
      const word = error === undefined ? (cached ? 'CACHED ' : '') : isCancelled(error) ? 'CANCELED ' : 'ERROR ';
      const colour = completed === undefined ? undefined : error === undefined ? 'blue' : isCancelled(error) ? 'yellow' : 'red';
      const said = open === '' ? lines : [...lines, visible(open)];
      const tail = completed !== undefined ? [] : lastOf(said, TAIL).map((line) => line.replace(/^\d+\.\d{3} /, ''));
      rows.push({ name: `${word}${visible(name)}`, status: '', time: (completed ?? now) - started, running: completed === undefined, colour, tail });
      for (const status of statuses.values()) {
        const size = status.total > 0 ? `${humanSize(status.current)} / ${humanSize(status.total)}` : status.current > 0 ? humanSize(status.current) : '';
        const over = status.completed ?? completed;
        const time = (over ?? now) - (status.started ?? started);
        rows.push({
          name: `=> ${visible(status.id)}`,
          status: size,
          time,
          running: over === undefined,
          colour: over === undefined ? undefined : 'blue',
          tail: [],
        });
      }
    }
    return rows;
  }

  /** Undefined where the terminal is too narrow. */
  #line({ name, status, time, colour }: Row): string | undefined {
    const timer = ` ${time < 50 ? '0.0' : (time / 1000).toFixed(1)}s`;
    const room = this.#columns() - ' => '.length - timer.length;
    if (room < LEAST_NAME) return undefined;
    const shown = status !== '' && room - status.length - 1 >= LEAST_NAME ? ` ${status}` : '';
    const text = ` => ${cut(name, room - shown.length)}${shown}`;
    const line = `${text}${' '.repeat(Math.max(0, this.#columns() - displayWidth(text) - timer.length))}${timer}`;
    return colour === undefined ? line : this.#coloured(line, colour);
  }

  #coloured(text: string, colour: Colour): string {
    return this.#options.colours ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
  }
}

/** Those that run, and of the others the last, in their order. */
function fitting(rows: readonly Row[], height: number): readonly Row[] {
  if (rows.length <= height) return rows;
  let room = Math.max(0, height - rows.filter(({ running }) => running).length);
  const kept: Row[] = [];
  for (const row of rows.toReversed()) if (row.running || room-- > 0) kept.push(row);
  return kept.toReversed().slice(-Math.max(1, height));
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function lastOf<T>(items: readonly T[], count: number): readonly T[] {
  return items.slice(Math.max(0, items.length - count));
}

function isCancelled(error: string): boolean {
  return error.endsWith('context canceled');
}

/** A line as it would stand there: what carriage returns wrote over is gone, and so is what would steer the terminal. */
function visible(text: string): string {
  return text.replace(/\r+$/, '').replace(/^.*\r/s, '').replaceAll('\t', '    ').replace(STEERING, '');
}

/** Control sequences (ECMA-48), strings for the terminal (OSC and their kind), and control characters. */
// oxlint-disable-next-line no-control-regex
const STEERING = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]|[\u0000-\u001f\u007f-\u009f]/g;
