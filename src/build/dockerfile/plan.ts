/**
 * What is to be done: the stages that a target needs, each a list of steps whose variables are expanded, with the image
 * config and the history that come out. Data only; the solver runs it.
 */
import type { BuildWarning, CheckSettings, NetworkMode, RunDevice, RunMount, SecurityMode, SourceRange } from './ast.ts';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** `v7`; empty where there is none. */
  readonly variant: string;
}

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

/** An image that a stage begins with or that something is copied from. */
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
  /** What the progress shows after `[stage 2/5] `: the line with its variables expanded. */
  readonly text: string;
  readonly location: readonly SourceRange[];
  /** Lines that this step adds to the history: mostly one. A line without `empty_layer` is a layer of this step. */
  readonly history: readonly HistoryLine[];
  /** It comes from an ONBUILD of the base. */
  readonly onbuild: boolean;
}

export interface RunStep extends StepBase {
  readonly kind: 'run';
  /** The whole argument list, the shell's words included. */
  readonly argv: readonly string[];
  /** Here-documents that the command reads as files, in `/dev/pipes`: a `RUN <<EOF` whose content is the script has `stdin`-free argv already. */
  readonly files: readonly { readonly path: string; readonly content: string; readonly mode: number }[];
  /** `NAME=value`: the config's, the build arguments in scope, and `secretEnv` not among them. */
  readonly env: readonly string[];
  /** Proxy variables: they are there when it runs, and are no part of the cache's key. */
  readonly proxyEnv: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly mounts: readonly (RunMount & { readonly source: string; readonly fromSource: Source | undefined })[];
  readonly network: NetworkMode;
  readonly security: SecurityMode;
  readonly devices: readonly RunDevice[];
}

/** A source of COPY or ADD. */
export type CopySource =
  /** A path in `from`, cleaned; may hold wildcards. With `--parents` `pivot` is how many leading bytes of the path (before `/./`) are left out. */
  | { readonly kind: 'path'; readonly path: string; readonly pivot: string | undefined }
  | { readonly kind: 'file'; readonly path: string; readonly content: string }
  | { readonly kind: 'http'; readonly url: string; readonly checksum: string; readonly filename: string }
  | { readonly kind: 'git'; readonly url: string; readonly checksum: string; readonly keepGitDir: boolean };

export interface CopyStep extends StepBase {
  readonly kind: 'copy';
  /** ADD: local archives are unpacked unless `unpack` says otherwise. */
  readonly add: boolean;
  readonly from: Source;
  readonly sources: readonly CopySource[];
  /** Absolute; a trailing `/` is kept: the target is a folder. */
  readonly destination: string;
  readonly chown: string;
  /** Octal, or a symbolic mode as chmod(1) takes it; empty: as the source has it. */
  readonly chmod: string;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
  readonly unpack: boolean | undefined;
}

/** A folder is made, where it is not there (0755, the user of the stage owns it not: root does). */
export interface WorkdirStep extends StepBase {
  readonly kind: 'workdir';
  readonly path: string;
}

/** Only the config changes. */
export interface ConfigStep extends StepBase {
  readonly kind: 'config';
}

export type Step = RunStep | CopyStep | WorkdirStep | ConfigStep;

export interface PlannedStage {
  readonly index: number;
  readonly name: string;
  /** What the progress shows: the name, or `stage-0`. */
  readonly title: string;
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
  /** `no-cache-filter` names it, or `no-cache` is set. */
  readonly ignoreCache: boolean;
}

export interface BuildPlan {
  /** Those that the target needs, each after what it needs. The last one is the target. */
  readonly stages: readonly PlannedStage[];
  readonly target: PlannedStage;
  readonly warnings: readonly BuildWarning[];
  /** What of the build arguments no ARG took. */
  readonly unusedArgs: readonly string[];
}

export interface PlanOptions {
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** A stage's name or its number; empty or undefined: the last one. */
  readonly target?: string | undefined;
  /** Of the machine that builds. */
  readonly buildPlatform: Platform;
  /** What is built for; undefined: the same. */
  readonly targetPlatform?: Platform | undefined;
  readonly labels?: Readonly<Record<string, string>>;
  /** Name → `docker-image://…`, `local:…`, `target:…` … */
  readonly namedContexts?: Readonly<Record<string, string>>;
  /** Base images that are known by now, by `ImageNeed.key`. */
  readonly images?: ReadonlyMap<string, BaseImage>;
  /** Undefined: no stage's cache is left out; empty: all; otherwise the stages with these names. */
  readonly noCache?: readonly string[] | undefined;
  /** `SOURCE_DATE_EPOCH` and the like come with `buildArgs`. `--network` of the whole build: */
  readonly network?: NetworkMode | undefined;
  readonly check?: CheckSettings | undefined;
  /** Patterns of the `.dockerignore` in force, for the check CopyIgnoredFile. */
  readonly ignore?: readonly string[] | undefined;
}

/** `missing`: fetch their configs, add them to `images`, and plan again. */
export type PlanResult = { readonly missing: readonly ImageNeed[]; readonly plan: undefined } | { readonly missing: readonly []; readonly plan: BuildPlan };
