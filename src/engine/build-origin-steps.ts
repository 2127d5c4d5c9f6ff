/** The steps of a build in the words of BuildKit's low-level definitions (moby/buildkit solver/pb/ops.proto), for its provenance. */
import type { BuildPlan, CopyStep, PlannedStage, RunStep, Source, Step } from '../build/dockerfile/plan.ts';
import { withoutCredentials, type OriginStep } from '../build/provenance.ts';
import type { Platform } from '../image/contract.ts';
import { formatReference, parseReference, withDefaultTag } from '../image/reference.ts';
import type { OriginNotes } from './build-origin.ts';

type Op = OriginStep['op'];

/** In ops.proto: NetMode, SecurityMode, MountType. */
const NETWORKS = { default: 0, host: 1, none: 2 };
const MOUNTS = { bind: 0, secret: 1, ssh: 2, cache: 3, tmpfs: 4 };
/** No input: it begins with nothing. */
const SCRATCH = -1;

/** What is the same is one step, as there. */
export function originSteps(plan: BuildPlan, notes: OriginNotes): OriginStep[] {
  const writer = new Steps(notes);
  for (const stage of plan.stages) writer.stage(stage);
  return writer.steps;
}

class Steps {
  readonly steps: OriginStep[] = [];
  readonly #notes: OriginNotes;
  readonly #known = new Map<string, number>();
  /** The last step of each stage. */
  readonly #ends = new Map<number, number>();

  constructor(notes: OriginNotes) {
    this.#notes = notes;
  }

  stage(stage: PlannedStage): void {
    const { layers } = this.#notes;
    let last = this.#source(stage.base, stage);
    for (const step of stage.steps) {
      if (step.kind === 'config') continue;
      const inputs = last === SCRATCH ? [] : [last];
      const below = last === SCRATCH ? SCRATCH : 0;
      const op = this.#op(step, below, inputs);
      last = this.#add({ op: { ...op, ...platformOf(stage.platform) }, inputs, location: step.location, layers: descriptors(layers.get(step)) });
    }
    this.#ends.set(stage.index, last);
  }

  /** `inputs` gets what else it needs. */
  #op(step: Exclude<Step, { kind: 'config' }>, below: number, inputs: number[]): Op {
    const other = (source: Source): number => {
      const index = this.#source(source);
      if (index === SCRATCH) return SCRATCH;
      if (!inputs.includes(index)) inputs.push(index);
      return inputs.indexOf(index);
    };
    if (step.kind === 'run') return runOp(step, below, other);
    if (step.kind === 'copy') return this.#copyOp(step, below, other);
    return fileOp([
      { input: below, secondaryInput: SCRATCH, output: 0, Action: { mkdir: { path: step.path, mode: 0o755, makeParents: true, timestamp: -1 } } },
    ]);
  }

  #copyOp(step: CopyStep, below: number, other: (source: Source) => number): Op {
    const { destination: dest, chown, chmod, add } = step;
    const shared = { dest, mode: -1, ...(chmod === '' ? {} : { modeStr: chmod }), ...(chown === '' ? {} : { owner: chown }), timestamp: -1 };
    const actions = step.sources.map((source, index) => {
      const output = index === step.sources.length - 1 ? 0 : SCRATCH;
      const place = { input: below, output };
      switch (source.kind) {
        case 'file':
          return {
            ...place,
            secondaryInput: SCRATCH,
            Action: { mkfile: { path: dest, mode: -1, data: Buffer.from(source.content).toString('base64'), timestamp: -1 } },
          };
        case 'http':
        case 'git': {
          const from = other({ kind: 'named-context', name: '', value: source.url });
          return { ...place, secondaryInput: from, Action: { copy: { src: '/', ...shared } } };
        }
        default: {
          const src = source.kind === 'path' ? source.path : `${source.path}/${source.pattern}`;
          const unpack = add && step.unpack !== false ? { attemptUnpackDockerCompatibility: true } : {};
          const exclude = step.exclude.length === 0 ? {} : { excludePatterns: step.exclude };
          return {
            ...place,
            secondaryInput: other(step.from),
            Action: { copy: { src, ...shared, ...unpack, ...exclude, followSymlink: true, allowWildcard: true } },
          };
        }
      }
    });
    return fileOp(actions);
  }

  /** The step that gives what a stage begins with, or what is copied from. */
  #source(source: Source, stage?: PlannedStage): number {
    switch (source.kind) {
      case 'scratch':
        return SCRATCH;
      case 'stage':
        return this.#ends.get(source.index) ?? SCRATCH;
      case 'image': {
        const layers = stage === undefined ? [] : descriptors(this.#notes.layers.get(stage));
        const op = { ...sourceOp(`docker-image://${pinned(source.name, this.#notes)}`), ...platformOf(source.platform) };
        return this.#add({ op, inputs: [], location: stage?.location ?? [], layers });
      }
      case 'context':
        return this.#add({ op: sourceOp('local://context'), inputs: [], location: [], layers: [] });
      default: {
        const { value, name } = source;
        const identifier = /^[a-z-]+:\/\//.test(value) ? withoutCredentials(value) : value.includes('@') ? `git://${value}` : `local://${name}`;
        return this.#add({ op: sourceOp(identifier), inputs: [], location: [], layers: [] });
      }
    }
  }

  #add(step: OriginStep): number {
    const key = JSON.stringify([step.op, step.inputs]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.steps.push(step);
    this.#known.set(key, this.steps.length - 1);
    return this.steps.length - 1;
  }
}

function runOp({ argv, env, cwd, user, mounts, network, security }: RunStep, below: number, other: (source: Source) => number): Op {
  const meta = { args: argv, ...(env.length === 0 ? {} : { env }), cwd, ...(user === '' ? {} : { user }), removeMountStubsRecursive: true };
  const more = mounts.map((mount) => {
    const { type, target: dest, source: selector, id, required, readOnly, sharing } = mount;
    const input = mount.origin === undefined ? SCRATCH : other(mount.origin);
    const base = { input, ...(selector === '' || selector === '/' ? {} : { selector }), dest, output: SCRATCH, ...(readOnly ? { readonly: true } : {}) };
    const kind = MOUNTS[type] === 0 ? {} : { mountType: MOUNTS[type] };
    // of a secret its id, and nothing that it has
    if (type === 'secret') return { ...base, selector: undefined, ...kind, secretOpt: { ID: id, ...(required ? {} : { optional: true }) } };
    if (type === 'ssh') return { ...base, selector: undefined, ...kind, SSHOpt: { ID: id || 'default', ...(required ? {} : { optional: true }) } };
    if (type === 'cache')
      return {
        ...base,
        ...kind,
        cacheOpt: { ID: id || dest, ...(sharing === undefined ? {} : { sharing: ['shared', 'private', 'locked'].indexOf(sharing) }) },
      };
    return { ...base, ...kind };
  });
  const exec = {
    meta,
    mounts: [{ input: below, dest: '/', output: 0 }, ...more],
    ...(NETWORKS[network] === 0 ? {} : { network: NETWORKS[network] }),
    ...(security === 'insecure' ? { security: 1 } : {}),
  };
  return { Op: { exec } };
}

function fileOp(actions: readonly object[]): Op {
  return { Op: { file: { actions } } };
}

function sourceOp(identifier: string): Op {
  return { Op: { source: { identifier } } };
}

function platformOf({ os, architecture, variant }: Platform): Op {
  return { platform: { Architecture: architecture, OS: os, ...(variant ? { Variant: variant } : {}) } };
}

function pinned(name: string, { digests }: OriginNotes): string {
  const reference = withDefaultTag(parseReference(name));
  return formatReference({ ...reference, digest: reference.digest ?? digests.get(name) });
}

function descriptors(layers: readonly { readonly descriptor: OriginStep['layers'][number] }[] = []): OriginStep['layers'] {
  return layers.map(({ descriptor }) => descriptor);
}
