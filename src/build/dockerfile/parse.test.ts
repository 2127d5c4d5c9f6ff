import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instruction } from './ast.ts';
import { locationOf, quoteSource } from './failure.ts';
import { parseDockerfile, parseTrigger } from './parse.ts';

function only<K extends Instruction['kind']>(line: string, kind: K): Extract<Instruction, { kind: K }> {
  const [instruction] = parseDockerfile(`FROM scratch\n${line}\n`).stages[0]!.instructions;
  assert.equal(instruction?.kind, kind, line);
  return instruction as Extract<Instruction, { kind: K }>;
}

test('directives, stages and global arguments', () => {
  const file = parseDockerfile('#syntax=docker/dockerfile:1\n# escape = `\n#check=skip=A, B;error=true\nARG A=1 B\nFROM a AS X\nFROM --platform=$P b\n');
  assert.equal(file.syntax, 'docker/dockerfile:1');
  assert.equal(file.escape, '`');
  assert.deepEqual(file.check, { skip: ['A', 'B'], skipAll: false, experimental: [], experimentalAll: false, error: true });
  assert.deepEqual(
    file.globalArgs[0]?.args.map(({ key, value }) => [key, value]),
    [
      ['A', '1'],
      ['B', undefined],
    ],
  );
  assert.deepEqual(
    file.stages.map(({ name, base, platform, index, location }) => [name, base, platform, index, location]),
    [
      ['x', 'a', '', 0, [{ start: 5, end: 5 }]],
      ['', 'b', '$P', 1, [{ start: 6, end: 6 }]],
    ],
  );
  assert.equal(parseDockerfile('\ufeffFROM a').stages.length, 1, 'a byte order mark is passed over');
  assert.equal(parseDockerfile('# x\n# escape=`\nFROM a').escape, '\\', 'after a comment nothing is a directive');
});

test('continuations, comments and empty lines inside', () => {
  const file = parseDockerfile('FROM b\nRUN a && \\\n# no\n\n   # no\n  b \\  \n\n  c\\\\\nRUN d\r\nRUN e \\');
  const [first, second, third] = file.stages[0]!.instructions;
  assert.equal(first?.source, 'RUN a &&   b   c\\\\');
  assert.deepEqual(first?.location, [{ start: 2, end: 8 }]);
  assert.deepEqual([second?.source, third?.source], ['RUN d', 'RUN e']);
  assert.deepEqual(
    file.warnings.map(({ rule, location }) => [rule, location[0]!.start]),
    [['NoEmptyContinuation', 8]],
  );
});

test('comments above tell what a stage or an argument is for', () => {
  const file = parseDockerfile('# a the first\nARG a\n# x this one\nFROM a AS x\n# gone\n\nUSER u\n# kept\nUSER v\n');
  assert.equal(file.globalArgs[0]?.args[0]?.comment, 'the first');
  assert.equal(file.stages[0]?.comment, 'this one');
  assert.deepEqual(
    file.stages[0]?.instructions.map(({ comments }) => comments),
    [[], ['kept']],
  );
});

test('here-documents', () => {
  const file = parseDockerfile(
    'FROM b\nRUN <<-A cat && cat 3<<"B C"\n\tx\n\tA\ny\nB C\nCOPY <<one <<-"two" three /d/\n$1\none\n\t\t$2\n\ttwo\nRUN ["<<x"]\nONBUILD RUN <<E\nz\nE\n',
  );
  const [run, copy, json, onbuild] = file.stages[0]!.instructions;
  assert.deepEqual(run?.kind === 'run' && run.heredocs, [
    { name: 'A', content: '\tx\n', chomp: true, expand: true, fd: 0 },
    { name: 'B C', content: 'y\n', chomp: false, expand: false, fd: 3 },
  ]);
  assert.deepEqual(run?.location, [{ start: 2, end: 6 }]);
  assert.deepEqual(copy?.kind === 'copy' && [copy.heredocs, copy.sources, copy.destination], [
    [
      { path: 'one', content: '$1\n', expand: true },
      { path: 'two', content: '$2\n', expand: false },
    ],
    ['three'],
    '/d/',
  ]);
  assert.deepEqual(json?.kind === 'run' && [json.heredocs, json.command], [[], { shell: false, words: ['<<x'] }]);
  assert.equal(onbuild?.kind === 'onbuild' && onbuild.expression, 'RUN <<E\nz\nE');
});

test('JSON is JSON, what only looks like it is the shell form', () => {
  assert.deepEqual(only('CMD ["a", "b\\u00e9"]', 'cmd').command, { shell: false, words: ['a', 'bé'] });
  assert.deepEqual(only('CMD [ -f x ] && y', 'cmd').command, { shell: true, words: ['[ -f x ] && y'] });
  assert.deepEqual(only("CMD ['a']", 'cmd').command, { shell: true, words: ["['a']"] });
  assert.deepEqual(only('CMD ["a"] x', 'cmd').command, { shell: true, words: ['["a"] x'] });
  assert.deepEqual(only('CMD', 'cmd').command, { shell: true, words: [''] });
  assert.deepEqual(only('ENTRYPOINT []', 'entrypoint').command, { shell: false, words: [] });
  assert.deepEqual(only('VOLUME ["/a b", "/c"]', 'volume').volumes, ['/a b', '/c']);
  assert.deepEqual(only('VOLUME /a\t/b', 'volume').volumes, ['/a', '/b']);
  assert.deepEqual(only('COPY ["a b", "<<x", "/d"]', 'copy').sources, ['a b', '<<x']);
  assert.deepEqual(only('HEALTHCHECK CMD ["a", "b"]', 'healthcheck').health.test, ['CMD', 'a', 'b']);
});

test('pairs, in both forms', () => {
  const pairs = (line: string) => only(line, 'env').pairs.map(({ key, value, legacy }) => [key, value, legacy]);
  assert.deepEqual(pairs('ENV a=b "c d"=\'e f\' g=h\\ i j='), [
    ['a', 'b', false],
    ['"c d"', "'e f'", false],
    ['g', 'h\\ i', false],
    ['j', '', false],
  ]);
  assert.deepEqual(pairs('ENV a  b "c" $d'), [['a', 'b "c" $d', true]]);
  assert.deepEqual(
    only('ARG a b="c d" e=', 'arg').args.map(({ key, value }) => [key, value]),
    [
      ['a', undefined],
      ['b', '"c d"'],
      ['e', ''],
    ],
  );
});

test('flags', () => {
  const run = only('RUN --mount=type=cache,target=/x --mount="type=tmpfs,target=/y z" --network=none --security=insecure --device=a/b=c,required echo', 'run');
  assert.deepEqual(run.mounts, ['type=cache,target=/x', 'type=tmpfs,target=/y z']);
  assert.deepEqual([run.network, run.security, run.devices, run.command.words], ['none', 'insecure', [{ name: 'a/b=c', required: true }], ['echo']]);
  const copy = only('COPY --from=x --chown=1:2 --chmod=755 --link --parents --exclude=*.a --exclude=b a /d', 'copy');
  assert.deepEqual([copy.from, copy.chown, copy.chmod, copy.link, copy.parents, copy.exclude], ['x', '1:2', '755', true, true, ['*.a', 'b']]);
  const add = only('ADD --keep-git-dir=true --checksum=sha256:0 --unpack=FALSE --link=false a /d', 'add');
  assert.deepEqual([add.keepGitDir, add.checksum, add.unpack, add.link], [true, 'sha256:0', false, false]);
  assert.equal(only('ADD a /d', 'add').unpack, undefined);
  assert.deepEqual(only('RUN -- --network=x', 'run').command.words, ['--network=x'], 'a -- ends the flags');
  const health = only('HEALTHCHECK --interval=30s --timeout=1m30s --start-period=1h --start-interval=1.5s --retries=3 CMD a b', 'healthcheck').health;
  assert.deepEqual(health, { test: ['CMD-SHELL', 'a b'], interval: 30e9, timeout: 90e9, startPeriod: 3600e9, startInterval: 1.5e9, retries: 3 });
});

test('an error points to its lines', () => {
  const text = 'FROM scratch\n\nFOOO bar\n';
  try {
    parseDockerfile(text);
    assert.fail('it must not be parsed');
  } catch (error) {
    assert.equal((error as Error).message, 'dockerfile parse error on line 3: unknown instruction: FOOO (did you mean FROM?)');
    const lines = [
      'Dockerfile:3',
      '--------------------',
      '   1 |     FROM scratch',
      '   2 |     ',
      '   3 | >>> FOOO bar',
      '   4 |     ',
      '--------------------',
      '',
    ];
    assert.equal(quoteSource('Dockerfile', text, locationOf(error) ?? []), lines.join('\n'));
  }
});

test('a trigger is one instruction, wherever its error is told', () => {
  const here = [{ start: 7, end: 7 }];
  assert.equal(parseTrigger('COPY a b', '\\', here).location, here);
  for (const trigger of ['RUN a\nRUN b', 'FOO x', 'COPY x', '']) {
    assert.throws(
      () => parseTrigger(trigger, '\\', here),
      (error) => locationOf(error) === here,
      trigger,
    );
  }
});

test('a file that is too long, or a line longer than Docker reads, is refused', () => {
  assert.throws(() => parseDockerfile(`FROM b\n${'\n'.repeat(5 << 20)}`), { message: 'the Dockerfile is too long' });
  assert.throws(() => parseDockerfile(`FROM b\n${'CMD a\n'.repeat(60_000)}`), { message: 'the Dockerfile has too many instructions' });
  assert.throws(() => parseDockerfile(`FROM b\nRUN ${'x'.repeat(70_000)}\n`), /dockerfile line greater than max allowed size of 65535/);
  assert.equal(parseDockerfile(`FROM b\nRUN ${'x'.repeat(60_000)}\\\n${'y'.repeat(60_000)}`).stages[0]?.instructions[0]?.source.length, 120_004);
});
