/** The build checks. What is expected was recorded from Docker 28.5's `docker build --check`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDockerfile } from './check-dockerfile.ts';
import { parseDockerfile } from './parse.ts';
import type { BaseImage, PlanOptions } from './plan.ts';
import { planStages } from './plan-stages.ts';
import { Findings, type RuleName } from './rules.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };

function check(text: string, options: Partial<PlanOptions> = {}, platform = AMD64): string[] {
  const images = new Map<string, BaseImage>();
  for (;;) {
    const result = planStages(parseDockerfile(text), { buildPlatform: AMD64, images, allStages: true, ...options });
    if (result.plan !== undefined)
      return result.plan.warnings.map(({ rule, message, location }) => `${rule} ${location.map(({ end }) => end).join()}: ${message}`);
    for (const { key } of result.missing) images.set(key, { settings: {}, platform });
  }
}

test('casing, names, forms, variables, ports', () => {
  const text = `FROM b as Foo
from b AS scratch
FROM b AS foo
RUN echo a \\

  && echo b
ENTRYPOINT foo
CMD a
CMD b
Maintainer x
WORKDIR rel
ENV a b
ENV MY_PASSWORD=1
ENV U=$undefinedd V=$PAHT
EXPOSE 80/TCP 127.0.0.1:81:81 82:82
`;
  assert.deepEqual(
    check(text).toSorted(),
    [
      "StageNameCasing 1: Stage name 'Foo' should be lowercase",
      "FromAsCasing 1: 'as' and 'FROM' keywords' casing do not match",
      "FromAsCasing 2: 'AS' and 'from' keywords' casing do not match",
      'ReservedStageName 2: Stage name should not use the same name as reserved stage "scratch"',
      "ConsistentInstructionCasing 2: Command 'from' should match the case of the command majority (uppercase)",
      'DuplicateStageName 3: Duplicate stage name "foo", stage names should be unique',
      'NoEmptyContinuation 6: Empty continuation line',
      'JSONArgsRecommended 7: JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals',
      'JSONArgsRecommended 8: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
      'MultipleInstructionsDisallowed 8: Multiple CMD instructions should not be used in the same stage because only the last one will be used',
      'JSONArgsRecommended 9: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
      "ConsistentInstructionCasing 10: Command 'Maintainer' should match the case of the command majority (uppercase)",
      'MaintainerDeprecated 10: Maintainer instruction is deprecated in favor of using label',
      'WorkdirRelativePath 11: Relative workdir "rel" can have unexpected results if the base image changes',
      'LegacyKeyValueFormat 12: "ENV key=value" should be used instead of legacy "ENV key value" format',
      'SecretsUsedInArgOrEnv 13: Do not use ARG or ENV instructions for sensitive data (ENV "MY_PASSWORD")',
      "UndefinedVar 14: Usage of undefined variable '$undefinedd'",
      "UndefinedVar 14: Usage of undefined variable '$PAHT' (did you mean $PATH?)",
      "ExposeInvalidFormat 15: EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:81:81'",
      "ExposeProtoCasing 15: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase",
      "ExposeInvalidFormat 15: EXPOSE instruction should not define an IP address or host-port mapping, found '82:82'",
    ].toSorted(),
  );
});

test('arguments and platforms of FROM', () => {
  const text = `ARG BASE
ARG T=latest
FROM $BASE AS a
FROM --platform=$TARGETPLATFORM b AS bb
FROM --platform=linux/amd64 b AS c
FROM b:\${TT:-latest} AS d
RUN echo $x
COPY $foo/ ./Dockerfile /x/
`;
  assert.deepEqual(check(text, { buildArgs: { BASE: 'b' } }), [
    'InvalidDefaultArgInFrom 3: Default value for ARG $BASE results in empty or invalid base image name',
    'RedundantTargetPlatform 4: Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
    'FromPlatformFlagConstDisallowed 5: FROM --platform flag should not use constant value "linux/amd64"',
    "UndefinedArgInFrom 6: FROM argument 'TT' is not declared (did you mean T?)",
    "UndefinedVar 8: Usage of undefined variable '$foo'",
  ]);
  assert.deepEqual(check('FROM --platform=linux/arm64 b AS for-arm64\nFROM --platform=$BUILDPLATFORM c\n', {}, { os: 'linux', architecture: 'arm64' }), [
    'InvalidBaseImagePlatform 2: Base image c was pulled with platform "linux/arm64", expected "linux/amd64" for current build',
  ]);
});

test('secrets by name', () => {
  const names = ['GITHUB_TOKEN', 'auth', 'apikey', 'my_key', 'x_credentials', 'PUBLIC_KEY', 'TOKEN_FILE', 'KEY_VERSION', 'tokens', 'monkey'];
  const found = check(`FROM b\nARG ${names.join(' ')}\n`).map((each) => /"(.*)"/.exec(each)?.[1]);
  assert.deepEqual(found, names.slice(0, 5));
});

test('ignored files and descriptions are looked for where it is asked', () => {
  const files = 'FROM scratch\nCOPY Dockerfile .\nADD d/e /w\nCOPY --from=b Dockerfile /\n';
  assert.deepEqual(check(files, { ignore: ['Dockerfile', 'd'] }), []);
  assert.deepEqual(check(`# check=experimental=CopyIgnoredFile\n${files}`, { ignore: ['Dockerfile', 'd'] }), [
    'CopyIgnoredFile 3: Attempting to Copy file "Dockerfile" that is excluded by .dockerignore',
    'CopyIgnoredFile 4: Attempting to Add file "d/e" that is excluded by .dockerignore',
  ]);
  assert.deepEqual(check(`# check=experimental=all\n${files}`, { ignore: ['Dockerfile', '!x'] }), [], 'exceptions tell too little');
  const described =
    '# check=experimental=InvalidDefinitionDescription\n# bar this\nARG foo=bar\n# BasE this\nFROM scratch AS base\n# bad\nARG foo=baz bar=qux\n# x\n#\nARG y\n# z is\nARG z\n';
  assert.deepEqual(check(described), [
    'InvalidDefinitionDescription 3: Comment for ARG should follow the format: `# foo <description>`',
    'InvalidDefinitionDescription 5: Comment for FROM should follow the format: `# base <description>`',
    'InvalidDefinitionDescription 7: Comment for ARG should follow the format: `# <arg_key> <description>`',
  ]);
});

test('what counts is said by the file, and by the client instead', () => {
  const text = 'FROM scratch as base\ncopy a .\n';
  const rules = (head: string, buildArgs?: Readonly<Record<string, string>>) => check(head + text, { buildArgs }).map((each) => each.split(' ')[0]);
  assert.deepEqual(rules('').toSorted(), ['ConsistentInstructionCasing', 'FromAsCasing']);
  assert.deepEqual(rules('#check=skip=all\n'), []);
  assert.deepEqual(rules('#check=skip=FromAsCasing , x\n'), ['ConsistentInstructionCasing']);
  assert.deepEqual(rules('#check=error=true\n', { BUILDKIT_DOCKERFILE_CHECK: 'skip=all' }), []);
  assert.throws(() => rules('#check=error=true;skip=ConsistentInstructionCasing\n'), { message: 'lint violation found for rules: FromAsCasing' });
  assert.throws(() => rules('#check=foo\n'), { message: 'failed to parse check options: invalid check option "foo"' });
  assert.throws(() => rules('#check=error=x\n'), /failed to parse check option "error=x"/);
});

test('an error does not hide what was found before it', () => {
  const run = (text: string, options: Partial<PlanOptions> = {}) => {
    const result = checkDockerfile(text, { buildPlatform: AMD64, ...options });
    return result.warnings === undefined ? result.missing.map(({ name }) => name) : [...result.warnings.map(({ rule }) => rule), result.error?.message];
  };
  assert.deepEqual(run('FROM scratch as a\nFROM a\nCOPY $x /\nFOO\n'), [
    'FromAsCasing',
    'dockerfile parse error on line 4: unknown instruction: FOO (did you mean FROM?)',
  ]);
  assert.deepEqual(run('FROM scratch\nCOPY $x /\nCOPY --chmod=9 a /\n'), [
    'UndefinedVar',
    "invalid chmod parameter: '9'. it should be octal string and between 0 and 07777",
  ]);
  assert.deepEqual(run('# check=skip=all\nFROM scratch as a\nFOO\n').length, 1);
  assert.deepEqual(run('# check=error=true\nFROM scratch as a\n'), ['FromAsCasing', 'lint violation found for rules: FromAsCasing']);
  assert.deepEqual(run('FROM scratch AS a\nCOPY $x /\nFROM scratch\n'), ['UndefinedVar', undefined], 'stages that are not needed, too');
  assert.deepEqual(run('FROM scratch AS a\nCOPY $x /\nFROM scratch AS b\n', { target: 'b' }), [undefined]);
  assert.deepEqual(run('FROM x\n'), ['docker.io/library/x:latest']);
});

test('every rule has its page', () => {
  const findings = new Findings();
  findings.add('JSONArgsRecommended' satisfies RuleName, [], 'x');
  assert.equal(findings.warnings[0]?.url, 'https://docs.docker.com/go/dockerfile/rule/json-args-recommended/');
});

test('what was found is known also where the file fails', () => {
  const findings = new Findings();
  assert.throws(() => parseDockerfile('FROM b\nMAINTAINER\n', findings), /requires exactly one argument/);
  assert.deepEqual(
    findings.warnings.map(({ rule }) => rule),
    ['MaintainerDeprecated'],
  );
  const planned = new Findings();
  const file = parseDockerfile('FROM scratch\nENV a="${b:?no}"\n');
  assert.throws(() => planStages(file, { buildPlatform: { os: 'linux', architecture: 'amd64' } }, planned), /b: no/);
  assert.deepEqual(
    planned.warnings.map(({ rule }) => rule),
    ['UndefinedVar'],
  );
});
