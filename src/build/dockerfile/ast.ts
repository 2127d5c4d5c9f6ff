/**
 * A Dockerfile as it is written: every instruction with its flags, before any variable is expanded. `parseDockerfile`
 * makes it; `planStages` turns it into what is to be done. Docker's "Dockerfile reference" names everything here.
 */

/** Lines of the source, counted from 1, both ends included. */
export interface SourceRange {
  readonly start: number;
  readonly end: number;
}

/** A here-document, `<<NAME` … `NAME`. */
export interface Heredoc {
  readonly name: string;
  /** The lines between, each with its line end. */
  readonly content: string;
  /** False where the name was quoted: nothing in the content is expanded. */
  readonly expand: boolean;
  /** `<<-`: leading tabs of each line go. They are still in `content`. */
  readonly chomp: boolean;
  /** The number of the file descriptor before `<<`; 0 where there is none. */
  readonly fd: number;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** Written in the old form, `key value`. */
  readonly legacy: boolean;
}

export interface ArgPair {
  readonly key: string;
  /** Undefined: the argument has no default. */
  readonly value: string | undefined;
  /** The comment above the instruction that begins with this argument's name, without the name. */
  readonly comment?: string | undefined;
}

/** A command line: JSON's array as it is, or the shell form (then `shell` is true and `words` is one string). */
export interface CommandLine {
  readonly shell: boolean;
  readonly words: readonly string[];
}

export type MountType = 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
export type CacheSharing = 'shared' | 'private' | 'locked';

/** What `RUN --mount` asks for, its values expanded. */
export interface RunMount {
  readonly type: MountType;
  /** A stage, an image or a named context; empty: the build's own context (bind) or nothing (cache). */
  readonly from: string;
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** `id`, empty where none was given. */
  readonly id: string;
  /** Cache mounts; undefined where none was given. */
  readonly sharing: CacheSharing | undefined;
  /** Secret and ssh: whether the build fails without it. */
  readonly required: boolean;
  /** Bytes, of a tmpfs; 0: no limit. */
  readonly size: number;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** Secret mounts: the variable that gets the secret; undefined where none was given. */
  readonly env: string | undefined;
}

export interface RunDevice {
  readonly name: string;
  readonly required: boolean;
}

export type NetworkMode = 'default' | 'none' | 'host';
export type SecurityMode = 'sandbox' | 'insecure';

/** What every instruction has. */
export interface InstructionBase {
  /** The keyword as it is written, as `run`. */
  readonly keyword: string;
  /** The logical line as it is written, continuations joined, trimmed: what messages and history show. */
  readonly source: string;
  readonly location: readonly SourceRange[];
  /** The comment lines right above it, without `#`. */
  readonly comments: readonly string[];
}

export interface AddOrCopy {
  /** Without the here-documents among them. */
  readonly sources: readonly string[];
  readonly destination: string;
  /** The sources that are here-documents; `path` is the name of the file that each makes. */
  readonly heredocs: readonly { readonly path: string; readonly content: string; readonly expand: boolean }[];
  readonly chown: string;
  readonly chmod: string;
  readonly link: boolean;
  readonly exclude: readonly string[];
}

export interface AddInstruction extends InstructionBase, AddOrCopy {
  readonly kind: 'add';
  readonly checksum: string;
  /** Undefined where the flag is not given: then the source's query decides. */
  readonly keepGitDir: boolean | undefined;
  /** Undefined where the flag is not given: local archives are unpacked, fetched ones not. */
  readonly unpack: boolean | undefined;
}
export interface CopyInstruction extends InstructionBase, AddOrCopy {
  readonly kind: 'copy';
  readonly from: string;
  readonly parents: boolean;
}
export interface ArgInstruction extends InstructionBase {
  readonly kind: 'arg';
  readonly args: readonly ArgPair[];
}
export interface EnvInstruction extends InstructionBase {
  readonly kind: 'env';
  readonly pairs: readonly KeyValue[];
}
export interface LabelInstruction extends InstructionBase {
  readonly kind: 'label';
  readonly pairs: readonly KeyValue[];
}
export interface RunInstruction extends InstructionBase {
  readonly kind: 'run';
  readonly command: CommandLine;
  readonly heredocs: readonly Heredoc[];
  /** Each value of `--mount` as it is written: the variables in it are expanded when the stage is planned. */
  readonly mounts: readonly string[];
  readonly network: NetworkMode;
  readonly security: SecurityMode;
  readonly devices: readonly RunDevice[];
}
export interface CmdInstruction extends InstructionBase {
  readonly kind: 'cmd';
  readonly command: CommandLine;
}
export interface EntrypointInstruction extends InstructionBase {
  readonly kind: 'entrypoint';
  readonly command: CommandLine;
}
/** Durations are nanoseconds; 0 is the daemon's default. `test` is empty, `['NONE']`, `['CMD', …]` or `['CMD-SHELL', line]`. */
export interface HealthcheckConfig {
  readonly test: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}
export interface HealthcheckInstruction extends InstructionBase {
  readonly kind: 'healthcheck';
  readonly health: HealthcheckConfig;
}
export interface ExposeInstruction extends InstructionBase {
  readonly kind: 'expose';
  readonly ports: readonly string[];
}
export interface UserInstruction extends InstructionBase {
  readonly kind: 'user';
  readonly user: string;
}
export interface VolumeInstruction extends InstructionBase {
  readonly kind: 'volume';
  readonly volumes: readonly string[];
}
export interface WorkdirInstruction extends InstructionBase {
  readonly kind: 'workdir';
  readonly path: string;
}
export interface StopsignalInstruction extends InstructionBase {
  readonly kind: 'stopsignal';
  readonly signal: string;
}
export interface ShellInstruction extends InstructionBase {
  readonly kind: 'shell';
  readonly shell: readonly string[];
}
export interface MaintainerInstruction extends InstructionBase {
  readonly kind: 'maintainer';
  readonly maintainer: string;
}
export interface OnbuildInstruction extends InstructionBase {
  readonly kind: 'onbuild';
  /** The trigger as it goes into the image's config, the lines of its here-documents behind it. */
  readonly expression: string;
}

export type Instruction =
  | AddInstruction
  | ArgInstruction
  | CmdInstruction
  | CopyInstruction
  | EntrypointInstruction
  | EnvInstruction
  | ExposeInstruction
  | HealthcheckInstruction
  | LabelInstruction
  | MaintainerInstruction
  | OnbuildInstruction
  | RunInstruction
  | ShellInstruction
  | StopsignalInstruction
  | UserInstruction
  | VolumeInstruction
  | WorkdirInstruction;

/** What one FROM begins. */
export interface Stage {
  /** Position among the stages, from 0. */
  readonly index: number;
  /** `AS name` in lower case; empty where there is none. */
  readonly name: string;
  /** What FROM names, variables not expanded. */
  readonly base: string;
  /** `--platform`, variables not expanded; empty where there is none. */
  readonly platform: string;
  /** The comment above FROM that begins with the stage's name, without it. */
  readonly comment: string;
  /** FROM's keyword, line and place. */
  readonly keyword: string;
  readonly source: string;
  readonly location: readonly SourceRange[];
  readonly instructions: readonly Instruction[];
}

/** One finding of the build checks, as `docker build --check` and the progress stream tell it. */
export interface BuildWarning {
  /** `StageNameCasing` …; empty for a warning of the parser that is no rule. */
  readonly rule: string;
  readonly description: string;
  readonly url: string;
  /** The sentence, as `Stage name 'Build' should be lowercase`. */
  readonly message: string;
  readonly location: readonly SourceRange[];
}

/** `# check=…`, or the client's `BUILDKIT_DOCKERFILE_CHECK`. */
export interface CheckSettings {
  readonly skip: readonly string[];
  readonly skipAll: boolean;
  readonly experimental: readonly string[];
  readonly experimentalAll: boolean;
  /** A warning fails the build. */
  readonly error: boolean;
}

export interface Dockerfile {
  /** The whole text, for what quotes it. */
  readonly text: string;
  readonly escape: '\\' | '`';
  /** `# syntax=`, empty where there is none. Nothing is loaded for it. */
  readonly syntax: string;
  readonly check: CheckSettings;
  /** ARGs before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[];
  /** At least one. */
  readonly stages: readonly Stage[];
  /** What parsing alone finds, those of rules that `check` skips or does not ask for among them. */
  readonly warnings: readonly BuildWarning[];
}
