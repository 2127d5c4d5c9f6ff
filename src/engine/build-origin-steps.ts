/** The steps of a build in the words of BuildKit's low-level definitions (moby/buildkit solver/pb/ops.proto), for its provenance. */
import { posix } from 'node:path';
import { withoutCredentials } from '../base/url-credentials.ts';
import type { BuildPlan, CopyStep, PlannedStage, RunStep, Source, WorkdirStep } from '../build/dockerfile/plan.ts';
import type { OriginStep } from '../build/provenance.ts';
import type { Platform } from '../image/contract.ts';
import { formatReference, parseReference, withDefaultTag } from '../image/reference.ts';
import type { OriginNotes } from './build-origin.ts';
import { isGitUrl } from './build-git.ts';

type Op = OriginStep['op'];
type CopySource = CopyStep['sources'][number];
type Work = RunStep | CopyStep | WorkdirStep;

/** In ops.proto: NetMode, MountType, CacheSharingOpt. */
const NETWORKS = { default: 0, host: 1, none: 2 };
const MOUNTS = { bind: 0, secret: 1, ssh: 2, cache: 3, tmpfs: 4 };
const SHARING = ['shared', 'private', 'locked'];
/** No input, or none that is given on. */
const NONE = -1;
const MOST_LAYERS = 20_000;

/** What is the same is one step. The last one has the result, and does nothing. */
export function originSteps(plan: BuildPlan, notes: OriginNotes): readonly OriginStep[] {
  const writer = new Steps(notes);
  for (const stage of plan.stages) writer.stage(stage);
  return writer.end(plan.target.index);
}

class Steps {
  readonly #steps: OriginStep[] = [];
  readonly #notes: OriginNotes;
  readonly #known = new Map<string, number>();
  /** The last step of each stage. */
  readonly #ends = new Map<number, number>();
  #named = 0;

  constructor(notes: OriginNotes) {
    this.#notes = notes;
  }

  stage(stage: PlannedStage): void {
    let last = this.#source(stage.base, stage);
    for (const step of stage.steps) {
      if (step.kind === 'config') continue;
      const inputs = new Inputs(last);
      const op = this.#op(step, inputs, stage.platform);
      last = this.#add({ op, inputs: inputs.steps, location: step.location, layers: this.#layers(step) });
    }
    this.#ends.set(stage.index, last);
  }

  end(stage: number): readonly OriginStep[] {
    const last = this.#ends.get(stage) ?? NONE;
    return last === NONE ? this.#steps : [...this.#steps, { op: { Op: {} }, inputs: [last], location: [], layers: [] }];
  }

  #op(step: Work, inputs: Inputs, platform: Platform): Op {
    switch (step.kind) {
      case 'run':
        return { ...runOp(step, inputs, (source) => this.#source(source)), ...platformOf(platform), constraints: {} };
      case 'workdir':
        return fileOp([
          { input: inputs.below, secondaryInput: NONE, output: 0, Action: { mkdir: { path: step.path, mode: 0o755, makeParents: true, timestamp: -1 } } },
        ]);
      default: {
        const from = step.sources.map((source) => inputs.add(this.#copied(source, step)));
        return fileOp(
          step.sources.map((source, index) => ({
            input: index === 0 ? inputs.below : inputs.count + index - 1,
            secondaryInput: from[index]!,
            output: index === step.sources.length - 1 ? 0 : NONE,
            Action: { copy: copyOf(source, step) },
          })),
        );
      }
    }
  }

  /** What a source of COPY or ADD is in. */
  #copied(source: CopySource, { from }: CopyStep): number {
    if (source.kind === 'path' || source.kind === 'parents') return this.#source(from);
    if (source.kind === 'http' || source.kind === 'git') return this.#add(sourceStep(identifierOf(source.url)));
    const mkfile = { path: rooted(source.path), mode: 0o644, data: Buffer.from(source.content).toString('base64'), timestamp: -1 };
    return this.#add({ op: fileOp([{ input: NONE, secondaryInput: NONE, output: 0, Action: { mkfile } }]), inputs: [], location: [], layers: [] });
  }

  /** The step that gives what a stage begins with, or what is copied from. */
  #source(source: Source, stage?: PlannedStage): number {
    switch (source.kind) {
      case 'scratch':
        return NONE;
      case 'stage':
        return this.#ends.get(source.index) ?? NONE;
      case 'image': {
        const step = sourceStep(`docker-image://${pinned(source.name, this.#notes)}`);
        const layers = stage === undefined ? [] : this.#layers(stage);
        return this.#add({ ...step, op: { ...step.op, ...platformOf(source.platform) }, location: stage?.location ?? [], layers });
      }
      case 'context':
        return this.#add(sourceStep('local://context'));
      default:
        return this.#add(sourceStep(source.value.startsWith('local:') ? `local://${source.name}` : identifierOf(source.value)));
    }
  }

  /** Each step names all that are below it: beyond a bound nothing is said, so that a long Dockerfile's document has an end. */
  #layers(of: PlannedStage | Work): OriginStep['layers'] {
    const layers = this.#notes.layers.get(of) ?? [];
    this.#named += layers.length;
    return this.#named > MOST_LAYERS ? [] : layers.map(({ descriptor }) => descriptor);
  }

  #add(step: OriginStep): number {
    const key = JSON.stringify([step.op, step.inputs]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#steps.push(step);
    this.#known.set(key, this.#steps.length - 1);
    return this.#steps.length - 1;
  }
}

/** What one step works on: the file system below it first. */
class Inputs {
  readonly steps: number[] = [];
  readonly below: number;

  constructor(below: number) {
    this.below = this.add(below);
  }

  /** How many there are: outputs of its own actions count on from there. */
  get count(): number {
    return this.steps.length;
  }

  /** Its number among the inputs. */
  add(step: number): number {
    if (step === NONE) return NONE;
    if (!this.steps.includes(step)) this.steps.push(step);
    return this.steps.indexOf(step);
  }
}

function runOp({ argv, env, cwd, user, mounts, network, security }: RunStep, inputs: Inputs, step: (source: Source) => number): Op {
  const meta = {
    args: argv,
    ...(env.length === 0 ? {} : { env: env.map(withoutCredentials) }),
    cwd,
    ...(user === '' ? {} : { user }),
    removeMountStubsRecursive: true,
  };
  // of a secret its id, and nothing that it has
  const variables = mounts.filter(({ type, env: name }) => type === 'secret' && name);
  const shown = mounts.filter((mount) => !variables.includes(mount) || mount.target !== '');
  const exec = {
    meta,
    mounts: [{ ...(inputs.below === 0 ? {} : { input: inputs.below }), dest: '/' }, ...shown.map((mount, at) => mountOf(mount, at, inputs, step))],
    ...(variables.length === 0 ? {} : { secretenv: variables.map((mount) => ({ ...secretOf(mount), name: mount.env })) }),
    ...(NETWORKS[network] === 0 ? {} : { network: NETWORKS[network] }),
    ...(security === 'insecure' ? { security: 1 } : {}),
  };
  return { Op: { exec } };
}

function mountOf(mount: RunStep['mounts'][number], at: number, inputs: Inputs, step: (source: Source) => number): object {
  const { type, origin, target, source, id, required, readOnly, sharing, size } = mount;
  const dest = target || (type === 'ssh' ? `/run/buildkit/ssh_agent.${at}` : `/run/secrets/${id}`);
  const input = origin === undefined ? NONE : inputs.add(step(origin));
  const kind = { input, dest, output: NONE, ...(MOUNTS[type] === 0 ? {} : { mountType: MOUNTS[type] }) };
  if (type === 'tmpfs') return { ...kind, TmpfsOpt: size > 0 ? { size } : {} };
  if (type === 'secret') return { ...kind, secretOpt: secretOf(mount) };
  if (type === 'ssh') return { ...kind, SSHOpt: { ...(id === '' ? {} : { ID: id }), ...(required ? {} : { optional: true }) } };
  const files = { ...kind, ...(source === '' || source === '/' ? {} : { selector: source }), ...(readOnly ? { readonly: true } : {}) };
  return type === 'cache' ? { ...files, cacheOpt: { ID: id || dest, ...(sharing === undefined ? {} : { sharing: SHARING.indexOf(sharing) }) } } : files;
}

function secretOf({ id, target, required }: RunStep['mounts'][number]): object {
  return { ID: id || posix.basename(target), ...(required ? {} : { optional: true }) };
}

function copyOf(source: CopySource, { destination: dest, chown, chmod, add, unpack, exclude }: CopyStep): object {
  const src = 'pattern' in source ? `${source.path}/${source.pattern}` : 'path' in source ? source.path : '/';
  return {
    src: rooted(src),
    dest,
    ...(chown === '' ? {} : { owner: ownerOf(chown) }),
    ...(/^[0-7]*$/.test(chmod) ? { mode: chmod === '' ? -1 : Number.parseInt(chmod, 8) } : { mode: -1, modeStr: chmod }),
    ...(add && unpack !== false ? { attemptUnpackDockerCompatibility: true } : {}),
    ...(source.kind === 'file' ? {} : { followSymlink: true, dirCopyContents: true, allowWildcard: true, allowEmptyWildcard: true }),
    ...(exclude.length === 0 ? {} : { excludePatterns: exclude }),
    createDestPath: true,
    timestamp: -1,
  };
}

function rooted(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

function ownerOf(chown: string): object {
  const [user = '', group = user] = chown.split(':');
  const one = (name: string) => ({ User: /^\d+$/.test(name) ? { byId: Number(name) } : { byName: { name } } });
  return { user: one(user), group: one(group) };
}

function fileOp(actions: readonly object[]): Op {
  return { Op: { file: { actions } }, constraints: {} };
}

function sourceStep(identifier: string): OriginStep {
  return { op: { Op: { source: { identifier } }, constraints: {} }, inputs: [], location: [], layers: [] };
}

function identifierOf(url: string): string {
  const shown = withoutCredentials(url);
  return isGitUrl(url) && !/^(?:git|ssh):/.test(url) ? `git://${shown.replace(/^https?:\/\//, '')}` : shown;
}

function platformOf({ os, architecture, variant }: Platform): Op {
  return { platform: { Architecture: architecture, OS: os, ...(variant ? { Variant: variant } : {}) } };
}

function pinned(name: string, { digests }: OriginNotes): string {
  const reference = withDefaultTag(parseReference(name));
  return formatReference({ ...reference, digest: reference.digest ?? digests.get(name) });
}
