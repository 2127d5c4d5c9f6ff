/** The build checks: BuildKit's rules with their names, descriptions and words, and which of their findings count. */
import { wrong } from './failure.ts';
import type { BuildWarning, CheckSettings, SourceRange } from './ast.ts';

const DOCS = 'https://docs.docker.com/go/dockerfile/rule/';

interface Rule {
  readonly description: string;
  /** The page of the rule below Docker's; empty where there is none. */
  readonly page: string;
  /** Off unless `experimental=` names it. */
  readonly experimental?: boolean;
}

const RULES = {
  StageNameCasing: { description: 'Stage names should be lowercase', page: 'stage-name-casing' },
  FromAsCasing: { description: "The 'as' keyword should match the case of the 'from' keyword", page: 'from-as-casing' },
  NoEmptyContinuation: { description: 'Empty continuation lines will become errors in a future release', page: 'no-empty-continuation' },
  ConsistentInstructionCasing: {
    description: 'All commands within the Dockerfile should use the same casing (either upper or lower)',
    page: 'consistent-instruction-casing',
  },
  DuplicateStageName: { description: 'Stage names should be unique', page: 'duplicate-stage-name' },
  ReservedStageName: { description: 'Reserved words should not be used as stage names', page: 'reserved-stage-name' },
  JSONArgsRecommended: {
    description: 'JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals',
    page: 'json-args-recommended',
  },
  MaintainerDeprecated: {
    description: 'The MAINTAINER instruction is deprecated, use a label instead to define an image author',
    page: 'maintainer-deprecated',
  },
  UndefinedArgInFrom: { description: 'FROM command must use declared ARGs', page: 'undefined-arg-in-from' },
  WorkdirRelativePath: {
    description: 'Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes',
    page: 'workdir-relative-path',
  },
  UndefinedVar: { description: 'Variables should be defined before their use', page: 'undefined-var' },
  MultipleInstructionsDisallowed: {
    description: 'Multiple instructions of the same type should not be used in the same stage',
    page: 'multiple-instructions-disallowed',
  },
  LegacyKeyValueFormat: { description: 'Legacy key/value format with whitespace separator should not be used', page: 'legacy-key-value-format' },
  InvalidBaseImagePlatform: { description: 'Base image platform does not match expected target platform', page: '' },
  RedundantTargetPlatform: {
    description: 'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
    page: 'redundant-target-platform',
  },
  SecretsUsedInArgOrEnv: { description: 'Sensitive data should not be used in the ARG or ENV commands', page: 'secrets-used-in-arg-or-env' },
  InvalidDefaultArgInFrom: {
    description: 'Default value for global ARG results in an empty or invalid base image name',
    page: 'invalid-default-arg-in-from',
  },
  FromPlatformFlagConstDisallowed: {
    description: 'FROM --platform flag should not use a constant value',
    page: 'from-platform-flag-const-disallowed',
  },
  CopyIgnoredFile: { description: 'Attempting to Copy file that is excluded by .dockerignore', page: 'copy-ignored-file', experimental: true },
  InvalidDefinitionDescription: {
    description:
      'Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a ' +
      'description comment, add an empty line or comment between the instruction and the comment.',
    page: 'invalid-definition-description',
    experimental: true,
  },
  ExposeProtoCasing: { description: 'Protocol in EXPOSE instruction should be lowercase', page: 'expose-proto-casing' },
  ExposeInvalidFormat: {
    description: 'IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release',
    page: 'expose-invalid-format',
  },
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleName = keyof typeof RULES;

/** What the checks found, in order. */
export class Findings {
  readonly warnings: BuildWarning[] = [];

  add(rule: RuleName, location: readonly SourceRange[], message: string): void {
    const { description, page } = RULES[rule];
    this.warnings.push({ rule, description, url: page === '' ? '' : `${DOCS}${page}/`, message, location });
  }
}

/** The warnings that the settings let through. */
export function reported(warnings: readonly BuildWarning[], check: CheckSettings): BuildWarning[] {
  return warnings.filter(({ rule }) => {
    const known: Rule | undefined = Object.hasOwn(RULES, rule) ? RULES[rule as RuleName] : undefined;
    if (known?.experimental === true) return check.experimentalAll || check.experimental.includes(rule);
    return !check.skipAll && !check.skip.includes(rule);
  });
}

/** With `error=true` a warning fails the build: throws `invalid`, naming the rules. */
export function failOnWarnings(warnings: readonly BuildWarning[], check: CheckSettings): void {
  if (!check.error || warnings.length === 0) return;
  throw wrong(`lint violation found for rules: ${[...new Set(warnings.map(({ rule }) => rule))].join(', ')}`);
}
