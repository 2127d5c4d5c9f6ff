/** A stage while its instructions are gone through: its config, variables, history and numbers. */
import { shellOf } from '../../base/shell-of.ts';
import { formatPlatform } from '../../image/platform.ts';
import type { Platform } from '../../image/contract.ts';
import type { IgnorePatterns } from '../ignore/patterns.ts';
import type { ArgPair, Dockerfile, Instruction, SourceRange } from './ast.ts';
import { checkUndefined } from './from-checks.ts';
import { type StageGraph, type StageNode, titleOf } from './graph.ts';
import { readSettings } from './base-settings.ts';
import { expand } from './expand.ts';
import { wrong } from './failure.ts';
import { absolute } from './paths.ts';
import type { BaseImage, CopyStep, HistoryLine, ImageSettings, PlanOptions, RunStep, Step, WorkdirStep } from './plan.ts';
import type { Findings } from './rules.ts';
import { NO_VARIABLES, variablesOf } from './scope.ts';
import { sortedRecord } from './text.ts';

const COMMENT = 'buildkit.dockerfile.v0';
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What a build may come to: characters of history, and what is copied from stage to stage and to RUN, which weighs more. */
const MAX_WORK = 32 << 20;
/** Of a variable, a label or a port that is copied. */
const WEIGHT = 32;

/** What all stages of a build share. */
export interface BuildContext {
  readonly dockerfile: Dockerfile;
  readonly options: PlanOptions;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly scope: ReadonlyMap<string, string>;
  readonly findings: Findings;
  readonly graph: StageGraph;
  /** Build arguments that an ARG took. */
  readonly taken: Set<string>;
  /** There is but one stage, and nothing is copied from an image: without a name of its own, titles do without one. */
  readonly single: boolean;
  /** The `.dockerignore` in force, for the check of what it leaves out. */
  readonly ignored: IgnorePatterns | undefined;
  /** Of `MAX_WORK`, until now. */
  work: number;
}

/** What a step is beside what every step has. */
type StepBody =
  | Omit<RunStep, 'title' | 'location' | 'history' | 'onbuild'>
  | Omit<CopyStep, 'title' | 'location' | 'history' | 'onbuild'>
  | Omit<WorkdirStep, 'title' | 'location' | 'history' | 'onbuild'>
  | { readonly kind: 'config' };

export class StageState {
  readonly node: StageNode;
  readonly context: BuildContext;
  readonly platform: Platform;
  /** The config but for what is in maps below. */
  readonly settings: Omit<ImageSettings, 'Env' | 'Labels' | 'ExposedPorts' | 'Volumes'>;
  readonly labels: Map<string, string>;
  readonly ports: Map<string, string>;
  readonly volumes: Map<string, string>;
  author: string;
  /** The variables that expansion and RUN see, in the order in which they were set. */
  readonly env: Map<string, string>;
  readonly args: ArgPair[];
  readonly steps: Step[] = [];
  readonly fromTitle: string;
  workdirSet: boolean;
  /** Where CMD, ENTRYPOINT and HEALTHCHECK were given last, in this stage. */
  readonly given = new Map<string, readonly SourceRange[]>();
  /** Whether the instruction being done is a trigger of the base. */
  onbuild = false;
  readonly #variables: Map<string, string>;
  readonly #total: number;
  #number = 0;

  constructor(context: BuildContext, node: StageNode, base: StageState | undefined, image: BaseImage | undefined) {
    this.context = context;
    this.node = node;
    const target = context.options.targetPlatform ?? context.options.buildPlatform;
    const named = node.base.kind === 'scratch' ? target : (node.platform ?? target);
    this.platform = base?.platform ?? named;
    const below = node.base.kind === 'scratch' ? { WorkingDir: '/' } : {};
    const { Env = [], Labels = {}, ExposedPorts = {}, Volumes = {}, OnBuild: _, ...rest } = readSettings(base?.finish() ?? image?.settings ?? below);
    this.settings = rest;
    this.labels = new Map(Object.entries(Labels));
    this.ports = new Map(Object.entries(ExposedPorts).map(([port]) => [port, port]));
    this.volumes = new Map(Object.entries(Volumes).map(([volume]) => [volume, volume]));
    this.#variables = variablesOf(Env);
    this.author = base?.author ?? image?.author ?? '';
    this.env = new Map(base?.env);
    this.args = [...(base?.args ?? [])];
    this.workdirSet = base?.workdirSet ?? false;
    if (this.platform.os !== 'windows' && !this.#variables.has('PATH')) this.#variables.set('PATH', DEFAULT_PATH);
    for (const [name, value] of this.#variables) this.setVariable(name, value);
    this.charge(WEIGHT * (this.env.size + this.args.length + this.labels.size + this.ports.size + this.volumes.size));
    const fromImage = node.base.kind === 'image' || node.base.kind === 'named-context';
    const instructions = node.replaced ? [] : [...node.triggers, ...node.stage.instructions];
    this.#total = (fromImage ? 1 : 0) + instructions.filter(({ kind }) => ['add', 'copy', 'run', 'workdir'].includes(kind)).length;
    this.fromTitle = fromImage ? this.title('') : '';
  }

  /** As messages name it. */
  get name(): string {
    return this.context.single ? this.node.stage.name : titleOf(this.node);
  }

  /** Cleaned, which the config's need not be. */
  get cwd(): string {
    return absolute('/', this.settings.WorkingDir ?? '');
  }

  /** The command line with the shell of the stage before it. */
  withShell(line: string): string[] {
    return [...shellOf(this.settings.Shell), line];
  }

  /** The variables in scope are copied once more. */
  chargeScope(): void {
    this.charge(WEIGHT * (this.env.size + this.args.length));
  }

  /** Keeps a hostile Dockerfile from growing without end. Throws `invalid`. */
  charge(work: number): void {
    this.context.work += work;
    if (this.context.work > MAX_WORK) throw wrong('the build grew too large');
  }

  /** The config as it is now, its maps in the order in which Go writes them. */
  finish(): ImageSettings {
    return {
      ...this.settings,
      Env: [...this.#variables].map(([name, value]) => `${name}=${value}`),
      ...(this.labels.size === 0 ? {} : { Labels: sortedRecord(this.labels, (value) => value) }),
      ...(this.ports.size === 0 ? {} : { ExposedPorts: sortedRecord(this.ports, () => ({})) }),
      ...(this.volumes.size === 0 ? {} : { Volumes: sortedRecord(this.volumes, () => ({})) }),
    };
  }

  /** ENV: in the config, where one that is there keeps its place, and for what follows. */
  setEnv(name: string, value: string): void {
    this.#variables.set(name, value);
    this.setVariable(name, value);
  }

  /** The last one set is the last in order. */
  setVariable(name: string, value: string): void {
    this.env.delete(name);
    this.env.set(name, value);
  }

  setArg(arg: ArgPair): void {
    this.args.push(arg);
    if (arg.value !== undefined && !NO_VARIABLES.has(arg.key)) this.setVariable(arg.key, arg.value);
  }

  /** Expands a word of the instruction; undefined variables are found fault with. */
  expand(word: string, instruction: Instruction): string {
    return this.#expanded(word, instruction, this.context.dockerfile.escape, false).text;
  }

  /** As `expand`, into words at white space. */
  expandWords(word: string): readonly string[] {
    return expand(word, this.env, { escape: this.context.dockerfile.escape }).words;
  }

  /** As `expand`, for a here-document: quotes mean nothing there, and the escape character is always the backslash. */
  expandContent(content: string, instruction: Instruction): string {
    return this.#expanded(content, instruction, '\\', true).text;
  }

  #expanded(word: string, instruction: Instruction, escape: string, plainQuotes: boolean) {
    const unmatched = new Set<string>();
    try {
      return expand(word, this.env, { escape, plainQuotes, unmatched });
    } finally {
      if (unmatched.size > 0) this.#checkUndefined(unmatched, instruction);
    }
  }

  #checkUndefined(names: ReadonlySet<string>, { location }: Instruction): void {
    this.charge(this.args.length + names.size * this.env.size);
    const known = new Set([...this.args.map(({ key }) => key), ...NO_VARIABLES]);
    checkUndefined(names, known, this.env, location, this.context.findings);
  }

  /** What the progress shows of an instruction that runs. Each call takes the next number. */
  title(text: string): string {
    if (this.#total === 0) return text;
    const platform = this.context.options.multiPlatform === true ? `${formatPlatform(this.platform)} ` : '';
    const name = this.name === '' ? '' : `${this.name} `;
    const width = 1 + Math.floor(Math.log10(this.#total));
    const number = String(++this.#number).padStart(width);
    return `[${platform}${name}${number}/${this.#total}] ${this.onbuild ? 'ONBUILD ' : ''}${text}`;
  }

  /** `createdBy` becomes a line of the history; with a layer it is one of those that have one. */
  add(instruction: Instruction, body: StepBody, createdBy: string | undefined, title: string, layer: boolean): void {
    this.charge((createdBy ?? '').length + title.length);
    const line: HistoryLine = { created_by: createdBy ?? '', comment: COMMENT, ...(layer ? {} : { empty_layer: true }) };
    const common = { title, location: instruction.location, history: createdBy === undefined ? [] : [line], onbuild: this.onbuild };
    this.steps.push({ ...body, ...common });
  }
}
