/** `kobako stats`: one table, or one that is drawn anew twice a second. What a row shows is in rows/stats.ts. */
import { EngineError } from '../base/errors.ts';
import type { Engine } from '../engine/contract.ts';
import type { CliContext, Command } from './context.ts';
import { STATS_FLAGS } from './container-flags.ts';
import { parseFlags } from './flags.ts';
import { configFormat, formatList } from './format.ts';
import { STATS_HEADINGS, statsFormat, statsRow, type StatsDocument } from './rows/stats.ts';
import { shortId } from './rows/text.ts';

const REDRAW_MS = 500;

/** Draws over what was there before: from the top of the screen, with the rest of each line and of the screen cleared. */
export function frame(text: string): string {
  const lines = text.split('\n').slice(0, -1);
  return `\u001b[H${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`;
}

/** What is known of the containers that are watched, in the order in which they came. */
export class StatsBoard {
  readonly #latest = new Map<string, StatsDocument | undefined>();

  /** Not known yet: shown with dashes. */
  add(container: string): void {
    if (!this.#latest.has(container)) this.#latest.set(container, undefined);
  }

  set(container: string, document: StatsDocument): void {
    this.#latest.set(container, document);
  }

  remove(container: string): void {
    this.#latest.delete(container);
  }

  get empty(): boolean {
    return this.#latest.size === 0;
  }

  text(format: string, options: { readonly noTrunc?: boolean } = {}): string {
    const rows = [...this.#latest].map(([name, document]) => statsRow(name, document, options));
    return formatList(format, rows, STATS_HEADINGS);
  }
}

export const stats: Command = async (args, context) => {
  const flags = parseFlags(STATS_FLAGS, args, { interspersed: true });
  const engine = await context.engine();
  const format = statsFormat(flags.value('format'), () => configFormat(context, 'statsFormat'));
  const board = new StatsBoard();
  const all = flags.on('all');
  const show = () => board.text(format, { noTrunc: flags.on('no-trunc') });
  formatList(format, [statsRow('', undefined)], STATS_HEADINGS); // what is no format is told before anything is waited for
  const names = flags.rest.length > 0 ? flags.rest : (await engine.containers.list({ all })).map(({ Id }) => shortId(Id));
  for (const name of names) board.add(name);
  if (!flags.on('no-stream')) return watch(context, engine, { board, names, show, follow: flags.rest.length === 0, all });
  const documents = await Promise.all(names.map((name) => first(engine, name)));
  for (const [i, document] of documents.entries()) if (document !== undefined) board.set(names[i]!, document);
  context.stdout.write(show());
  return 0;
};

async function first(engine: Engine, name: string): Promise<StatsDocument | undefined> {
  for await (const document of engine.containers.stats(name, { stream: false })) return document as StatsDocument;
  return undefined;
}

interface Watched {
  readonly board: StatsBoard;
  readonly names: readonly string[];
  readonly show: () => string;
  /** Containers that start are added, and those that end go. */
  readonly follow: boolean;
  readonly all: boolean;
}

/** Until ^C, or until all that were named have gone. */
async function watch(context: CliContext, engine: Engine, { board, names, show, follow, all }: Watched): Promise<number> {
  const stop = new AbortController();
  const { signal } = stop;
  let failure: unknown;
  const off = context.onSignal((number) => {
    if (number === 2 || number === 15) stop.abort();
  });
  const streams = new Map<string, Promise<void>>();
  const draw = () => context.stdout.write(frame(show()));
  const stream = (name: string) => {
    if (streams.has(name)) return;
    board.add(name);
    const reading = read(engine, name, board, signal)
      .then(() => undefined)
      .catch((error: unknown) => {
        // one that is gone is no failure among those that nobody named
        if (signal.aborted || (follow && error instanceof EngineError && error.kind === 'not-found')) return;
        failure ??= error;
        stop.abort();
      })
      .finally(() => {
        streams.delete(name);
        if (!all || !follow) board.remove(name);
        if (!follow && board.empty) stop.abort();
      });
    streams.set(name, reading);
  };
  const following = follow
    ? followStarts(engine, signal, stream).catch((error: unknown) => (signal.aborted ? undefined : ((failure ??= error), stop.abort())))
    : undefined;
  for (const name of names) stream(name);
  const timer = setInterval(draw, REDRAW_MS);
  try {
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  } finally {
    clearInterval(timer);
    off();
  }
  await Promise.all([following, ...streams.values()]);
  if (failure !== undefined) throw failure;
  return 0;
}

async function read(engine: Engine, name: string, board: StatsBoard, signal: AbortSignal): Promise<void> {
  for await (const document of engine.containers.stats(name, { stream: true, signal })) {
    if (signal.aborted) return;
    board.set(name, document as StatsDocument);
  }
}

async function followStarts(engine: Engine, signal: AbortSignal, start: (name: string) => void): Promise<void> {
  for await (const { Actor } of engine.system.events({ signal, filters: { type: ['container'], event: ['start'] } })) {
    if (signal.aborted) return;
    start(shortId(Actor.ID));
  }
}
