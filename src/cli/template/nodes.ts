/** The syntax tree of a template, and its nodes as text: errors quote them. */

/** What cannot be parsed or run; the message is Go's, without the words that docker puts before it. */
export class TemplateError extends Error {
  /** Whether the template itself is wrong, not what it was run on. */
  readonly parsing: boolean;

  constructor(message: string, parsing: boolean) {
    super(message);
    this.name = 'TemplateError';
    this.parsing = parsing;
  }
}

interface At {
  /** Where in the text. */
  readonly pos: number;
}

export type Operand =
  | (At & { readonly kind: 'dot' | 'nil' })
  | (At & { readonly kind: 'bool'; readonly value: boolean })
  | (At & { readonly kind: 'string'; readonly text: string; readonly value: string })
  | NumberNode
  | (At & { readonly kind: 'field'; readonly path: readonly string[] })
  /** The first of the path has its dollar. */
  | (At & { readonly kind: 'variable'; readonly path: readonly string[] })
  | (At & { readonly kind: 'function'; readonly name: string })
  | (At & { readonly kind: 'chain'; readonly of: Operand; readonly path: readonly string[] })
  | Pipe;

/** A constant: `int` where its value is whole, `float` always; `isFloat` for what is written as one. */
export interface NumberNode extends At {
  readonly kind: 'number';
  readonly text: string;
  readonly int: bigint | undefined;
  readonly float: number;
  readonly isFloat: boolean;
}

export interface Command extends At {
  readonly kind: 'command';
  readonly args: readonly Operand[];
}

export interface Pipe extends At {
  readonly kind: 'pipe';
  /** Variables that get the value, with their dollars. */
  readonly names: readonly string[];
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

export type Node =
  | (At & { readonly kind: 'text'; readonly text: string })
  | (At & { readonly kind: 'action'; readonly pipe: Pipe })
  | (At & { readonly kind: 'if' | 'with' | 'range'; readonly pipe: Pipe; readonly body: List; readonly otherwise: List | undefined })
  | TemplateCall
  | (At & { readonly kind: 'break' | 'continue' });

export interface TemplateCall extends At {
  readonly kind: 'template';
  readonly name: string;
  readonly pipe: Pipe | undefined;
}

export type List = readonly Node[];

export type Shown = Operand | Command | TemplateCall;

/** A node as Go writes it. */
export function show(node: Shown): string {
  switch (node.kind) {
    case 'dot':
      return '.';
    case 'nil':
      return 'nil';
    case 'bool':
      return String(node.value);
    case 'string':
    case 'number':
      return node.text;
    case 'field':
      return node.path.map((name) => `.${name}`).join('');
    case 'variable':
      return node.path.join('.');
    case 'function':
      return node.name;
    case 'chain':
      return `${inner(node.of)}${node.path.map((name) => `.${name}`).join('')}`;
    case 'command':
      return node.args.map(inner).join(' ');
    case 'pipe':
      return `${node.names.length > 0 ? `${node.names.join(', ')} ${node.assigns ? '=' : ':='} ` : ''}${node.commands.map(show).join(' | ')}`;
    case 'template':
      return `{{template ${JSON.stringify(node.name)}${node.pipe === undefined ? '' : ` ${show(node.pipe)}`}}}`;
  }
}

function inner(node: Operand): string {
  return node.kind === 'pipe' ? `(${show(node)})` : show(node);
}
