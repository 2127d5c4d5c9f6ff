/** Columns, as docker lines them up: Go's text/tabwriter, but with wide characters counted as two. */
import { displayWidth } from './width.ts';

interface Layout {
  readonly minWidth?: number;
  readonly padding?: number;
}

/**
 * Lines with tabs become lines with columns. A column is as wide as its widest cell among the lines next to each other
 * that have it; what follows a line's last tab has no width.
 */
export function tabulate(text: string, { minWidth = 10, padding = 3 }: Layout = {}): string {
  const lines = text.split('\n').map((line) => line.split('\t'));
  const widths = lines.map((): number[] => []);
  const columns = Math.max(...lines.map((line) => line.length)) - 1;
  for (let column = 0; column < columns; column++) {
    for (let from = 0; from < lines.length;) {
      let to = from;
      let width = minWidth;
      for (; to < lines.length && lines[to]!.length - 1 > column; to++) width = Math.max(width, displayWidth(lines[to]![column]!) + padding);
      for (let i = from; i < to; i++) widths[i]![column] = width;
      from = Math.max(to, from + 1);
    }
  }
  const pad = (cell: string, width: number) => cell + ' '.repeat(width - displayWidth(cell));
  return lines.map((line, i) => line.map((cell, column) => (column < line.length - 1 ? pad(cell, widths[i]![column]!) : cell)).join('')).join('\n');
}
