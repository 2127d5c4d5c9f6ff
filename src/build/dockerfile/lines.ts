/** A Dockerfile's lines put together: continuations joined, comments taken out, here-documents attached. */
import type { Heredoc, SourceRange } from './ast.ts';
import { Directives } from './directives.ts';
import { placed, wrongAt } from './failure.ts';
import { heredocsOf } from './heredoc.ts';
import { skipSpace, trimSpace } from './text.ts';

/** The longest line, its line end included, in bytes. */
const MAX_LINE = 65_536;

/** One instruction's text. */
export interface LogicalLine {
  readonly text: string;
  readonly location: readonly SourceRange[];
  readonly comments: readonly string[];
  readonly heredocs: readonly Heredoc[];
}

export interface Lines {
  readonly lines: readonly LogicalLine[];
  readonly directives: Directives;
  /** Where instructions with empty continuation lines end. */
  readonly emptyContinuations: readonly (readonly SourceRange[])[];
}

/** `mayHold` says whether here-documents can belong to a line. Throws `invalid`, with its place. */
export function joinLines(text: string, mayHold: (line: string, escape: string) => boolean): Lines {
  const source = new Source(text);
  const directives = new Directives();
  const lines: LogicalLine[] = [];
  const emptyContinuations: SourceRange[][] = [];
  let comments: string[] = [];

  for (let raw = source.next(); raw !== undefined; raw = source.next()) {
    const start = source.line;
    const body = withoutEnd(start === 1 && raw.startsWith('\ufeff') ? raw.slice(1) : raw);
    const first = body.slice(skipSpace(body));
    // as BuildKit, which has not counted a directive's line yet when it refuses it
    if (placed(at(start - 1, start - 1), () => directives.take(first))) continue;
    if (first.startsWith('#')) {
      const comment = trimSpace(first.slice(1));
      if (comment === '') comments = [];
      else comments.push(comment);
      continue;
    }
    if (first === '') {
      comments = [];
      continue;
    }

    let { line, more } = continued(first, directives.escape);
    let hasEmpty = false;
    while (more) {
      const next = source.next();
      if (next === undefined) break;
      const trimmed = withoutEnd(next);
      const visible = trimmed.slice(skipSpace(trimmed));
      if (visible.startsWith('#')) continue;
      if (visible === '') {
        hasEmpty = true;
        continue;
      }
      const part = continued(trimmed, directives.escape);
      line += part.line;
      more = part.more;
    }
    if (hasEmpty) emptyContinuations.push([{ start: source.line, end: source.line }]);

    const heredocs: Heredoc[] = [];
    for (const heredoc of placed(at(start, source.line), () => (mayHold(line, directives.escape) ? heredocsOf(line) : []))) {
      const content = source.heredoc(heredoc);
      if (content === undefined) throw wrongAt(at(start, source.line), 'unterminated heredoc');
      heredocs.push({ ...heredoc, content });
    }
    lines.push({ text: line, location: at(start, source.line), comments, heredocs });
    comments = [];
  }
  if (lines.length === 0) throw wrongAt(at(source.line, source.line), 'file with no instructions');
  return { lines, directives, emptyContinuations };
}

function at(start: number, end: number): SourceRange[] {
  return [{ start, end }];
}

function withoutEnd(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === '\n' || line[end - 1] === '\r')) end--;
  return line.slice(0, end);
}

/** A line ends in the escape character, with nothing but blanks behind it, where it goes on. Two of them are none. */
function continued(line: string, escape: string): { line: string; more: boolean } {
  let end = line.length;
  while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--;
  if (end === 0 || line[end - 1] !== escape || (end > 1 && line[end - 2] === escape)) return { line, more: false };
  return { line: line.slice(0, end - 1), more: true };
}

class Source {
  line = 0;
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next line with its end; undefined after the last. */
  next(): string | undefined {
    if (this.#at >= this.#text.length) return undefined;
    const feed = this.#text.indexOf('\n', this.#at);
    const line = this.#text.slice(this.#at, feed === -1 ? undefined : feed + 1);
    if (line.length > MAX_LINE / 3 && Buffer.byteLength(line) > MAX_LINE) {
      throw wrongAt(at(this.line, this.line), `dockerfile line greater than max allowed size of ${MAX_LINE - 1}`);
    }
    this.#at += line.length;
    this.line++;
    return line;
  }

  /** The lines up to the one that ends it; undefined where none does. */
  heredoc({ name, chomp }: Heredoc): string | undefined {
    const parts: string[] = [];
    for (let line = this.next(); line !== undefined; line = this.next()) {
      const bare = withoutEnd(line);
      if ((chomp ? bare.replace(/^\t+/, '') : bare) === name) return parts.join('');
      parts.push(line);
    }
    return undefined;
  }
}
