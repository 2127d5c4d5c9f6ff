/** A Dockerfile's text becomes its AST. */
import { EngineError } from '../../base/errors.ts';
import type { ArgInstruction, Dockerfile, Instruction, SourceRange, Stage } from './ast.ts';
import { parseCheck } from './directives.ts';
import { placed, wrong, wrongAt } from './failure.ts';
import { instructionOf, type StageHead, stageHead } from './instruction.ts';
import { joinLines, type LogicalLine } from './lines.ts';
import { holdsHeredocs, type Node, parseNode } from './node.ts';
import { Findings } from './rules.ts';

/** So long a text is no Dockerfile (characters; Docker refuses 16 MB). Keeps hostile ones from stopping the daemon for long. */
const MAX_TEXT = 4 << 20;
const MAX_INSTRUCTIONS = 50_000;

/**
 * Throws `invalid` in BuildKit's words; where a line is to blame its place is in the error's detail (`locationOf`). Nothing
 * is expanded, nothing is looked up. `findings` gets what the checks find, also where it throws.
 */
export function parseDockerfile(text: string, findings: Findings = new Findings()): Dockerfile {
  if (text === '') throw wrong('the Dockerfile cannot be empty');
  if (text.length > MAX_TEXT) throw wrong('the Dockerfile is too long');
  const { lines, directives, emptyContinuations } = joinLines(text, (line, escape) => holdsHeredocs(parseNode(line, escape)));
  if (lines.length > MAX_INSTRUCTIONS) throw wrong('the Dockerfile has too many instructions');
  const check = parseCheck(directives.values.get('check') ?? '');
  for (const location of emptyContinuations) findings.add('NoEmptyContinuation', location, 'Empty continuation line');

  const globalArgs: ArgInstruction[] = [];
  const stages: (Omit<Stage, 'instructions'> & { readonly instructions: Instruction[] })[] = [];
  for (const line of lines) {
    const node = placed(line.location, () => parseNode(line.text, directives.escape));
    const parsed = placed(line.location, () => readLine(node, line, findings), `dockerfile parse error on line ${line.location[0]!.start}: `);
    const stage = stages.at(-1);
    if ('base' in parsed) stages.push({ ...parsed, index: stages.length, instructions: [] });
    else if (stage !== undefined) stage.instructions.push(parsed);
    else if (parsed.kind === 'arg') globalArgs.push(parsed);
    else throw wrongAt(line.location, 'no build stage in current context');
  }
  if (stages.length === 0) throw wrong('dockerfile contains no stages to build');
  const syntax = directives.values.get('syntax') ?? '';
  return { text, escape: directives.escape, syntax, check, globalArgs, stages, warnings: findings.warnings };
}

/** An ONBUILD of an image: one instruction. `location` is the place of the FROM that brings it. Throws as `parseDockerfile`. */
export function parseTrigger(expression: string, escape: string, location: readonly SourceRange[]): Instruction {
  return placed(location, () => {
    try {
      const { lines } = joinLines(expression, (line) => holdsHeredocs(parseNode(line, escape)));
      const [line] = lines;
      if (line === undefined || lines.length !== 1) throw wrong('onbuild trigger should be a single expression');
      return instructionOf(parseNode(line.text, escape), { ...line, location, comments: [] });
    } catch (error) {
      // the places in the trigger's own text mean nothing in the Dockerfile
      if (error instanceof EngineError) throw wrong(error.message);
      throw error;
    }
  });
}

function readLine(node: Node, line: LogicalLine, findings: Findings): Instruction | Omit<Stage, 'index' | 'instructions'> {
  if (node.name === 'from') {
    const { as, written, ...head } = stageHead(node, line);
    checkHead(head, as, written, line, findings);
    return head;
  }
  if (node.name === 'maintainer') {
    findings.add('MaintainerDeprecated', line.location, 'Maintainer instruction is deprecated in favor of using label');
  }
  const instruction = instructionOf(node, line);
  if (instruction.kind === 'arg') {
    const keys = instruction.args.map(({ key }) => key);
    checkDescription('ARG', keys, line, findings);
  }
  return instruction;
}

function checkHead(head: Omit<StageHead, 'as' | 'written'>, as: string, written: string, line: LogicalLine, findings: Findings): void {
  if (head.name !== '') {
    if (written !== head.name) findings.add('StageNameCasing', line.location, `Stage name '${written}' should be lowercase`);
    const lower = (text: string) => text === text.toLowerCase();
    const upper = (text: string) => text === text.toUpperCase();
    const mismatch = (lower(head.keyword) && !lower(as)) || (upper(head.keyword) && !upper(as));
    if (mismatch) findings.add('FromAsCasing', line.location, `'${as}' and '${head.keyword}' keywords' casing do not match`);
    checkDescription('FROM', [head.name], line, findings);
  }
}

function checkDescription(keyword: string, names: readonly string[], line: LogicalLine, findings: Findings): void {
  const last = line.comments.at(-1);
  if (last === undefined || names.includes(last.split(' ')[0]!)) return;
  const example = names.length === 1 ? names[0] : '<arg_key>';
  findings.add('InvalidDefinitionDescription', line.location, `Comment for ${keyword} should follow the format: \`# ${example} <description>\``);
}
