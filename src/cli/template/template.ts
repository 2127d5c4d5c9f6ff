/** Templates as docker's `--format` takes them: Go's text/template with docker's functions. */
import { Execution, type ExecuteOptions } from './execute.ts';
import { BUILTINS, DOCKER, HEADINGS } from './functions.ts';
import type { List, Operand, Pipe } from './nodes.ts';
import { parse, type Parsed } from './parser.ts';

const FUNCTIONS = { ...BUILTINS, ...DOCKER };

export class Template {
  readonly #parsed: Parsed;

  /** Throws `TemplateError` with Go's words: `template: :1: unclosed action`. */
  constructor(text: string) {
    this.#parsed = parse(text, (name) => Object.hasOwn(FUNCTIONS, name));
  }

  /** Throws `TemplateError` with Go's words: `template: :1:2: executing "" at <.Nope>: …`. */
  execute(data: unknown, options: ExecuteOptions = {}): string {
    return new Execution(this.#parsed, FUNCTIONS, options).run(data);
  }

  /** With the headings of a table in place of its values. */
  headings(data: unknown): string {
    return new Execution(this.#parsed, { ...FUNCTIONS, ...HEADINGS }, {}).run(data);
  }

  /** Whether a field of that name is asked for anywhere, of whatever. */
  uses(name: string): boolean {
    const operand = (node: Operand): boolean => {
      if (node.kind === 'field' || node.kind === 'variable') return node.path.includes(name);
      if (node.kind === 'chain') return node.path.includes(name) || operand(node.of);
      return node.kind === 'pipe' && pipe(node);
    };
    const pipe = ({ commands }: Pipe): boolean => commands.some(({ args }) => args.some(operand));
    const list = (nodes: List): boolean =>
      nodes.some((node) => {
        if ('pipe' in node && node.pipe !== undefined && pipe(node.pipe)) return true;
        return 'body' in node && (list(node.body) || list(node.otherwise ?? []));
      });
    return [...this.#parsed.lists.values()].some(list);
  }
}
