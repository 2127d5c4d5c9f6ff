/**
 * What is to be done: the stages that a target needs, each a list of steps whose variables are expanded, with the image
 * config and the history that come out. Data only; the solver runs it.
 */
import type { Platform } from '../../image/contract.ts';
import type { ArgPair, BuildWarning, CheckSettings, NetworkMode, RunDevice, RunMount, SecurityMode, SourceRange } from './ast.ts';

/** The `config` of an OCI image config, with Docker's additions; members as the document spells them. */
export interface ImageSettings {
  User?: string;
  ExposedPorts?: Record<string, Record<string, never>>;
  Env?: string[];
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Volumes?: Record<string, Record<string, never>>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  ArgsEscaped?: boolean;
  OnBuild?: string[] | null;
  Shell?: string[];
  Healthcheck?: { Test?: string[]; Interval?: number; Timeout?: number; StartPeriod?: number; StartInterval?: number; Retries?: number };
}

/** One line of an image's history; `created` is the solver's to add. */
export interface HistoryLine {
  readonly created_by: string;
  readonly comment?: string;
  readonly author?: string;
  readonly empty_layer?: boolean;
}

/** What the planner must know of a base image. */
export interface BaseImage {
  readonly settings: ImageSettings;
  readonly platform: Platform;
  readonly author?: string | undefined;
}

/** An image whose config must be known, as a stage begins with it. */
export interface ImageNeed {
  /** `imageKey(name, platform)`: how `PlanOptions.images` names it. */
  readonly key: string;
  /** As it is written, variables expanded; `docker.io/library/` is not added. */
  readonly name: string;
  readonly platform: Platform;
  /** Whose line asks, for an error. */
  readonly location: readonly SourceRange[];
}

/** Where files come from. */
export type Source =
  | { readonly kind: 'scratch' }
  /** The main build context. */
  | { readonly kind: 'context' }
  /** The stage with this `index`. */
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'image'; readonly key: string; readonly name: string; readonly platform: Platform }
  /** A named context that is no image: `value` as the client gave it (`local:…`, `https://…`, `oci-layout://…`, `input:…`). */
  | { readonly kind: 'named-context'; readonly name: string; readonly value: string };

/** What every step has. */
export interface StepBase {
  /** What the progress shows: the line with its variables expanded, behind the stage and the step's number, as `[build 2/5] RUN make`. */
  readonly title: string;
  readonly location: readonly SourceRange[];
  /** Lines that this step adds to the history: mostly one. A line without `empty_layer` is a layer of this step. */
  readonly history: readonly HistoryLine[];
  /** It comes from an ONBUILD of the base. */
  readonly onbuild: boolean;
}

export interface PlannedMount extends RunMount {
  /** Where a bind's or a cache's files come from; undefined for the other types. A cache without `from` begins empty: scratch. */
  readonly origin: Source | undefined;
  /** `source` as a path in the origin: absolute and cleaned. Of a secret and ssh it stays as it is written. */
  readonly source: string;
  /** Absolute and cleaned; empty for a secret or ssh without one. */
  readonly target: string;
}

export interface RunStep extends StepBase {
  readonly kind: 'run';
  /** The whole argument list, the shell's words included. */
  readonly argv: readonly string[];
  /** A here-document that begins with `#!` is a file to be there, read-only, while it runs; any other is in `argv` already. */
  readonly files: readonly { readonly path: string; readonly content: string; readonly mode: number }[];
  /** `NAME=value`: the config's and the build arguments in scope. What secrets add (`mounts[].env`) is not among them. */
  readonly env: readonly string[];
  /** Proxy variables: they are there when it runs, and are no part of the cache's key. */
  readonly proxyEnv: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly mounts: readonly PlannedMount[];
  readonly network: NetworkMode;
  readonly security: SecurityMode;
  readonly devices: readonly RunDevice[];
}

/** A source of COPY or ADD. */
export type CopySource =
  /** A path in `from`: absolute, cleaned, it cannot climb out; may hold wildcards (filepath.Match). */
  | { readonly kind: 'path'; readonly path: string }
  /** With `--parents`: what `pattern` matches below `path` is copied with its folders. Without wildcards in both it must be there. */
  | { readonly kind: 'parents'; readonly path: string; readonly pattern: string; readonly required: boolean }
  | { readonly kind: 'file'; readonly path: string; readonly content: string }
  | { readonly kind: 'http'; readonly url: string; readonly checksum: string; readonly filename: string }
  | { readonly kind: 'git'; readonly url: string; readonly checksum: string; readonly keepGitDir: boolean };

export interface CopyStep extends StepBase {
  readonly kind: 'copy';
  /** ADD: local archives are unpacked unless `unpack` says otherwise. */
  readonly add: boolean;
  readonly from: Source;
  readonly sources: readonly CopySource[];
  /** Absolute; a `/` at the end says that it is a folder. */
  readonly destination: string;
  readonly chown: string;
  /** Octal, or a symbolic mode as chmod(1) takes it; empty: as the source has it. */
  readonly chmod: string;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
  readonly unpack: boolean | undefined;
}

/** A folder is made with its parents, 0755, where it is not there. */
export interface WorkdirStep extends StepBase {
  readonly kind: 'workdir';
  readonly path: string;
  /** Who owns what is made, as USER says; empty: root. */
  readonly user: string;
}

/** Only the config changes. */
export interface ConfigStep extends StepBase {
  readonly kind: 'config';
}

export type Step = RunStep | CopyStep | WorkdirStep | ConfigStep;

export interface PlannedStage {
  readonly index: number;
  readonly name: string;
  /** What the progress shows before `FROM image`, as `[build 1/5] `. Empty where the base is no image. */
  readonly fromTitle: string;
  readonly base: Source;
  /** FROM's name with its variables expanded, as it is written. */
  readonly baseName: string;
  readonly platform: Platform;
  readonly location: readonly SourceRange[];
  readonly steps: readonly Step[];
  /** The indexes of the stages that it needs, its base among them; ascending. */
  readonly needs: readonly number[];
  /** The config after the last step. */
  readonly settings: ImageSettings;
  readonly author: string;
  /** Its ARGs and those of the stage that it begins with, in order, with the values that they have. */
  readonly args: readonly ArgPair[];
  /** `no-cache-filter` names it, or `no-cache` is set. */
  readonly ignoreCache: boolean;
}

export interface BuildPlan {
  /** Those that the target needs, each after what it needs. The last one is the target. */
  readonly stages: readonly PlannedStage[];
  readonly target: PlannedStage;
  readonly warnings: readonly BuildWarning[];
  /** What FROM can name: global ARGs and predefined ones. */
  readonly globalArgs: ReadonlyMap<string, string>;
  /** What of the build arguments no ARG took. */
  readonly unusedArgs: readonly string[];
}

export interface PlanOptions {
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** A stage's name; empty or undefined: the last one. */
  readonly target?: string | undefined;
  /** Of the machine that builds. */
  readonly buildPlatform: Platform;
  /** What is built for; undefined: the same, and the platform of the base decides. */
  readonly targetPlatform?: Platform | undefined;
  readonly labels?: Readonly<Record<string, string>>;
  /** Name (or `name::platform`) → `docker-image://…`, `local:…`, `input:…`, a URL … */
  readonly namedContexts?: Readonly<Record<string, string>>;
  /** Base images that are known by now, by `ImageNeed.key`. */
  readonly images?: ReadonlyMap<string, BaseImage>;
  /** Undefined: no stage's cache is left out; empty: all; otherwise the stages with these names. */
  readonly noCache?: readonly string[] | undefined;
  /** More than one platform is built: titles tell them apart. */
  readonly multiPlatform?: boolean | undefined;
  /** Every stage is planned, needed or not: for the checks. */
  readonly allStages?: boolean | undefined;
  /** `--network` of the whole build. */
  readonly network?: NetworkMode | undefined;
  /** Instead of the file's own; `BUILDKIT_DOCKERFILE_CHECK` among the build arguments does the same. */
  readonly check?: CheckSettings | undefined;
  /** Patterns of the `.dockerignore` in force, for the check CopyIgnoredFile. */
  readonly ignore?: readonly string[] | undefined;
}

/** `missing`: fetch their configs, add them to `images`, and plan again. */
export type PlanResult = { readonly missing: readonly ImageNeed[]; readonly plan: undefined } | { readonly missing: readonly []; readonly plan: BuildPlan };
