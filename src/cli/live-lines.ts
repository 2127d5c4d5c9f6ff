/** Lines of a terminal that are drawn again in place. */
import { displayWidth } from './width.ts';

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

// oxlint-disable-next-line no-control-regex
const COLOURS = /\u001b\[[\d;]*m/g;

/** The cursor stands below the lines, at the beginning of its row. */
export class LiveLines {
  readonly #out: Terminal;
  #drawn: readonly string[] = [];
  /** The terminal's when they were drawn. */
  #size = '';

  constructor(out: Terminal) {
    this.#out = out;
  }

  /** Draws what changed. Lines are to be narrower than the terminal, and fewer than its rows. */
  draw(lines: readonly string[]): void {
    const text = this.#resized() ? `${this.#top()}${lines.map((line) => `${line}\n`).join('')}` : this.#changes(lines);
    this.#drawn = lines;
    if (text !== '') this.#out.write(text);
  }

  /** Draws the lines for the last time, however many they are: what comes now is below them. */
  finish(lines: readonly string[]): void {
    const fits = !this.#resized() && lines.length < (this.#out.rows ?? Number.POSITIVE_INFINITY);
    const text = fits ? this.#changes(lines) : `${this.#top()}${lines.map((line) => `${line}\n`).join('')}`;
    this.#drawn = [];
    if (text !== '') this.#out.write(text);
  }

  #changes(lines: readonly string[]): string {
    const before = this.#drawn.length;
    let text = before > lines.length ? `\u001b[${before - lines.length}A\r\u001b[J` : '\n'.repeat(lines.length - before);
    for (const [index, line] of lines.entries()) {
      const up = lines.length - index;
      if (line !== this.#drawn[index]) text += `\u001b[${up}A\r\u001b[2K${line}\r\u001b[${up}B`;
    }
    return text;
  }

  /** Whether what was drawn may stand in other rows by now. */
  #resized(): boolean {
    const { columns, rows } = this.#out;
    const size = `${columns} ${rows}`;
    const changed = size !== this.#size && this.#drawn.length > 0;
    this.#size = size;
    return changed;
  }

  /** To where the first line began, as the terminal has wrapped the lines now, and no farther than it reaches; all below is erased. */
  #top(): string {
    const { columns = 80, rows = Number.POSITIVE_INFINITY } = this.#out;
    const wrapped = this.#drawn.map((line) => Math.max(1, Math.ceil(displayWidth(line.replace(COLOURS, '')) / Math.max(1, columns))));
    const up = Math.min(
      wrapped.reduce((sum, count) => sum + count, 0),
      Math.max(0, rows - 1),
    );
    return up === 0 ? '' : `\u001b[${up}A\r\u001b[J`;
  }
}
