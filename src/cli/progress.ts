/** Progress of pulls, pushes and loads: bars that move on a terminal, as docker draws them; plain lines elsewhere. */
import type { OnProgress, ProgressEvent } from '../engine/images-contract.ts';
import { LiveLines, type Terminal } from './live-lines.ts';
import { humanSize } from './units.ts';

const BAR = 50;
/** Terminals that are narrower show no bar, as docker's. */
const WIDE = 110;
const REDRAW_MS = 60;

export interface ProgressView {
  readonly show: OnProgress;
  /** Draws what is outstanding. */
  end(): void;
}

/** A view on a stream; `quiet` shows nothing. */
export function progressView(out: Terminal, quiet = false): ProgressView {
  if (quiet) return { show: () => {}, end: () => {} };
  return out.isTTY ? new Bars(out) : plainLines(out);
}

function plainLines(out: Terminal): ProgressView {
  return {
    show: ({ status, id, total }) => {
      if (total === undefined && status !== '') out.write(`${id === undefined ? '' : `${id}: `}${status}\n`);
    },
    end: () => {},
  };
}

/** One line for each id, redrawn in place; what has no id is printed below. */
class Bars implements ProgressView {
  readonly #out: Terminal;
  readonly #lines = new Map<string, { event: ProgressEvent; since: number; from: number }>();
  readonly #live: LiveLines;
  #timer: NodeJS.Timeout | undefined;

  constructor(out: Terminal) {
    this.#out = out;
    this.#live = new LiveLines(out);
  }

  readonly show = (event: ProgressEvent): void => {
    const { id, status } = event;
    if (id === undefined || status.startsWith('Pulling from ')) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#live.finish(this.#texts());
      if (status !== '') this.#out.write(`${id === undefined ? '' : `${id}: `}${status}\n`);
      // lines that stand above another text stay as they are
      this.#lines.clear();
      return;
    }
    const known = this.#lines.get(id);
    const same = known?.event.status === status;
    this.#lines.set(id, { event, since: same ? known.since : Date.now(), from: same ? known.from : (event.current ?? 0) });
    this.#timer ??= setTimeout(() => this.#draw(), REDRAW_MS).unref();
  };

  end(): void {
    this.#draw();
  }

  #draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#live.draw(this.#texts());
  }

  #texts(): string[] {
    return [...this.#lines.keys()].map((id) => this.#line(id));
  }

  #line(id: string): string {
    const { event, since, from } = this.#lines.get(id)!;
    const { status, current, total } = event;
    const columns = this.#out.columns ?? 80;
    const line = current === undefined || total === undefined ? status : `${status} ${bar(current, total, columns, rate(current - from, since))}`;
    return `${id}: ${line}`.slice(0, Math.max(20, columns - 1));
  }
}

/** Bytes a second; undefined while that says nothing. */
function rate(done: number, since: number): number | undefined {
  const seconds = (Date.now() - since) / 1000;
  return seconds < 0.5 || done <= 0 ? undefined : done / seconds;
}

/** `[=====>      ]  12.3MB/45.6MB 8.1MB/s 4s` */
export function bar(current: number, total: number, columns: number, perSecond: number | undefined): string {
  const filled = Math.min(BAR, Math.floor((total > 0 ? current / total : 1) * BAR));
  const box = columns > WIDE ? `[${'='.repeat(filled)}>${' '.repeat(BAR - filled)}] ` : '';
  const numbers = `${humanSize(current).padStart(8)}/${humanSize(total)}`;
  const left = perSecond === undefined || filled === BAR ? '' : ` ${humanSize(perSecond)}/s ${Math.ceil((total - current) / perSecond)}s`;
  return `${box}${numbers}${left}`;
}
