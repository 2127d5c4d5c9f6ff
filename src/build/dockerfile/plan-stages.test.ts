import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placesOf } from './failure.ts';
import { parseDockerfile } from './parse.ts';
import type { BaseImage, BuildPlan, CopyStep, PlanOptions, RunStep, Step } from './plan.ts';
import { planStages } from './plan-stages.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Plans with these images' settings, by the name in the key; others are empty. */
function plan(text: string, options: Partial<PlanOptions> = {}, known: Readonly<Record<string, BaseImage['settings']>> = {}): BuildPlan {
  const images = new Map<string, BaseImage>();
  for (let tries = 0; tries < 5; tries++) {
    const result = planStages(parseDockerfile(text), { buildPlatform: AMD64, images, ...options });
    if (result.plan !== undefined) return result.plan;
    for (const { key, name, platform } of result.missing) images.set(key, { settings: known[name] ?? {}, platform });
  }
  return assert.fail('images are missing again and again');
}

const history = ({ target }: BuildPlan) => target.steps.flatMap((step) => step.history.map((line) => line.created_by));
const steps = <K extends Step['kind']>(result: BuildPlan, kind: K) =>
  result.target.steps.filter((step): step is Extract<Step, { kind: K }> => step.kind === kind);

test('history and config are what Docker 28 with BuildKit writes (recorded)', () => {
  const text = `FROM b AS base
ARG A=1 B="two words"
ARG C
ENV X=$A Y="q $B" Z='s$A'
ENV LEGACY some value here
LABEL l1=a l2="b c"
WORKDIR /app
WORKDIR sub
RUN echo hi $A > /tmp/a
RUN --mount=type=tmpfs,target=/t ["/bin/sh", "-c", "echo json > /tmp/b"]
RUN <<E
echo one > /tmp/h
E
RUN <<E sh && echo x
echo two
E
SHELL ["/bin/sh", "-ec"]
RUN echo shell
COPY --chmod=755 Dockerfile args* ./
COPY --link --chown=1:2 Dockerfile /x/$X/
COPY <<f1 <<"f2" /d/
hello $X
f1
raw $X
f2
ADD --exclude=foo Dockerfile /add/
EXPOSE 80 443/tcp 53/udp 8000-8002
USER 1000
VOLUME /v1 /v2
VOLUME ["/v3"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=1m30s --retries=3 CMD echo a "b"
ENTRYPOINT ["a", "b\\"c"]
CMD c d
ONBUILD RUN echo onb
MAINTAINER me <x@y>
WORKDIR /
`;
  const result = plan(text, { buildArgs: { C: '3', HTTP_PROXY: 'http://p' }, labels: { lab: 'v' } });
  assert.deepEqual(history(result), [
    'ARG A=1 B=two words',
    'ARG C=3',
    'ENV X=1 Y=q two words Z=s$A',
    'ENV LEGACY=some value here',
    'LABEL l1=a l2=b c',
    'WORKDIR /app',
    'WORKDIR /app/sub',
    'RUN |3 A=1 B=two words C=3 /bin/sh -c echo hi $A > /tmp/a # buildkit',
    'RUN |3 A=1 B=two words C=3 /bin/sh -c echo json > /tmp/b # buildkit',
    'RUN |3 A=1 B=two words C=3 /bin/sh -c echo one > /tmp/h\n # buildkit',
    'RUN |3 A=1 B=two words C=3 /bin/sh -c <<E sh && echo x\necho two\nE # buildkit',
    'SHELL [/bin/sh -ec]',
    'RUN |3 A=1 B=two words C=3 /bin/sh -ec echo shell # buildkit',
    'COPY --chmod=755 Dockerfile args* ./ # buildkit',
    'COPY --chown=1:2 Dockerfile /x/1/ # buildkit',
    'COPY <<f1 <<f2 /d/ # buildkit',
    'ADD Dockerfile /add/ # buildkit',
    'EXPOSE [443/tcp 53/udp 80/tcp 8000/tcp 8001/tcp 8002/tcp]',
    'USER 1000',
    'VOLUME [/v1 /v2]',
    'VOLUME [/v3]',
    'STOPSIGNAL SIGTERM',
    'HEALTHCHECK &{["CMD-SHELL" "echo a \\"b\\""] "30s" "1m30s" "0s" "0s" \'\\x03\'}',
    'ENTRYPOINT ["a" "b\\"c"]',
    'CMD ["/bin/sh" "-ec" "c d"]',
    'MAINTAINER me <x@y>',
    'WORKDIR /',
  ]);
  assert.deepEqual(result.target.settings, {
    User: '1000',
    ExposedPorts: { '443/tcp': {}, '53/udp': {}, '80/tcp': {}, '8000/tcp': {}, '8001/tcp': {}, '8002/tcp': {} },
    Env: [PATH, 'X=1', 'Y=q two words', 'Z=s$A', 'LEGACY=some value here'],
    Entrypoint: ['a', 'b"c'],
    Cmd: ['/bin/sh', '-ec', 'c d'],
    Volumes: { '/v1': {}, '/v2': {}, '/v3': {} },
    WorkingDir: '/',
    Labels: { l1: 'a', l2: 'b c', lab: 'v' },
    StopSignal: 'SIGTERM',
    ArgsEscaped: true,
    Healthcheck: { Test: ['CMD-SHELL', 'echo a "b"'], Interval: 30e9, Timeout: 90e9, Retries: 3 },
    OnBuild: ['RUN echo onb'],
    Shell: ['/bin/sh', '-ec'],
  });
  assert.equal(result.target.author, 'me <x@y>');
  assert.equal(result.target.fromTitle, '[base  1/13] ');
  assert.deepEqual(
    result.target.steps.filter(({ kind }) => kind !== 'config').map(({ title }) => title),
    [
      '[base  2/13] WORKDIR /app',
      '[base  3/13] WORKDIR sub',
      '[base  4/13] RUN echo hi 1 > /tmp/a',
      '[base  5/13] RUN --mount=type=tmpfs,target=/t ["/bin/sh", "-c", "echo json > /tmp/b"]',
      '[base  6/13] RUN <<E (echo one > /tmp/h)',
      '[base  7/13] RUN <<E sh && echo x',
      '[base  8/13] RUN echo shell',
      '[base  9/13] COPY --chmod=755 Dockerfile args* ./',
      '[base 10/13] COPY --link --chown=1:2 Dockerfile /x/1/',
      '[base 11/13] COPY <<f1 <<f2 /d/',
      '[base 12/13] ADD --exclude=foo Dockerfile /add/',
    ],
  );
  const [run] = steps(result, 'run');
  assert.deepEqual(run?.proxyEnv, ['HTTP_PROXY=http://p', 'http_proxy=http://p']);
  assert.deepEqual(run?.env, [PATH, 'A=1', 'B=two words', 'C=3', 'X=1', 'Y=q two words', 'Z=s$A', 'LEGACY=some value here']);
  assert.equal(run?.cwd, '/app/sub');
  const files = steps(result, 'copy')[2]?.sources;
  assert.deepEqual(files, [
    { kind: 'file', path: 'f1', content: 'hello 1\n' },
    { kind: 'file', path: 'f2', content: 'raw $X\n' },
  ]);
});

test('expansion in every instruction that has it (recorded)', () => {
  const text = `FROM b
ARG v=hello-world.tar.gz
ENV e= s="a b  c"
LABEL a=\${v:-w} b=\${n:-w} c=\${e:-w} d=\${e-w} e=\${v:+w} f=\${e:+w} g=\${e+w} h=\${n+w} i=\${v#*-} j=\${v##*.} k=\${v%.*} l=\${v%%.*} m=\${v/o/0} n=\${v//o/0} o=\${v/#h/x} p=\${v//l*r/Z} q=\${v%%-*z} r=\${v#h?l}
LABEL A1="$s" A2=$s A3='$s' A4=\\$s A5="\\$s" A6="a\\"b" A7=a\\ b A8="a\\b" A9=a\\b A10='a\\b' A11=$ A12=$$ A13=\${v}x A14=$v.x A16=x"y z"'w $v' A17="it's" A18=\\\\ A19="\\\\" A20=a\\\\b
ENV P1=\${v//-/_} P2="\${n:-a b}" P3=\${n:-a\\ b} P4=$1abc P5=\${v//\\//x} P6=\${e:-\${v%-*}}
ENV legacy  value  with "quotes" and $v \\x
WORKDIR /a/$v//b/../c/
VOLUME $s x
VOLUME ["$s", "/x y"]
EXPOSE \${n:-80} \${n:-90/udp}
STOPSIGNAL \${n:-9}
COPY --chown=$v:\${n:-g} --chmod=\${n:-0644} Dockerfile $v/
COPY ["Dockerfile", "/a b/$v"]
RUN echo $v \${n} "$s" '$e' \\$x && echo "\${v:-z}"
CMD ["$v"]
`;
  const result = plan(text);
  assert.deepEqual(history(result), [
    'ARG v=hello-world.tar.gz',
    'ENV e= s=a b  c',
    'LABEL a=hello-world.tar.gz b=w c=w d= e=w f= g=w h= i=world.tar.gz j=gz k=hello-world.tar l=hello-world m=hell0-world.tar.gz n=hell0-w0rld.tar.gz o=hello-world.tar.gz p=heZ.gz q=hello r=lo-world.tar.gz',
    'LABEL A1=a b  c A2=a b  c A3=$s A4=$s A5=$s A6=a"b A7=a b A8=a\\b A9=ab A10=a\\b A11=$ A12= A13=hello-world.tar.gzx A14=hello-world.tar.gz.x A16=xy zw $v A17=it\'s A18=\\ A19=\\ A20=a\\b',
    'ENV P1=hello_world.tar.gz P2=a b P3=a b P4=abc P5=hello-world.tar.gz P6=hello',
    'ENV legacy=value  with quotes and hello-world.tar.gz x',
    'WORKDIR /a/hello-world.tar.gz//b/../c/',
    'VOLUME [a b  c x]',
    'VOLUME [a b  c /x y]',
    'EXPOSE [80/tcp 90/udp]',
    'STOPSIGNAL 9',
    'COPY --chown=hello-world.tar.gz:g --chmod=0644 Dockerfile hello-world.tar.gz/ # buildkit',
    'COPY Dockerfile /a b/hello-world.tar.gz # buildkit',
    'RUN |1 v=hello-world.tar.gz /bin/sh -c echo $v ${n} "$s" \'$e\' \\$x && echo "${v:-z}" # buildkit',
    'CMD ["$v"]',
  ]);
  assert.equal(result.target.settings.WorkingDir, '/a/hello-world.tar.gz//b/../c/');
  assert.equal(steps(result, 'workdir')[0]?.path, '/a/hello-world.tar.gz/c');
  assert.equal(steps(result, 'copy')[0]?.destination, '/a/hello-world.tar.gz/c/hello-world.tar.gz/');
});

test('only what the target needs is planned, each after what it needs', () => {
  const text = 'FROM a AS one\nFROM one AS two\nFROM b AS three\nCOPY --from=1 /x /y\nFROM c AS four\nRUN --mount=from=three,target=/m true\n';
  const indexes = (target?: string) => plan(text, { target }).stages.map(({ index, needs }) => [index, needs]);
  const all = [
    [0, []],
    [1, [0]],
    [2, [1]],
    [3, [2]],
  ];
  assert.deepEqual(indexes(), all);
  assert.deepEqual(indexes('TWO'), all.slice(0, 2));
  const missing = planStages(parseDockerfile(text), { buildPlatform: AMD64, target: 'two' }).missing;
  assert.deepEqual(
    missing.map(({ name, key }) => [name, key]),
    [['docker.io/library/a:latest', 'docker.io/library/a:latest linux/amd64']],
    'of images that are not needed nothing is asked',
  );
  assert.throws(() => plan(text, { target: 'tow' }), { message: 'target stage "tow" could not be found (did you mean two?)' });
});

test('a stage begins with the config and the variables of its base', () => {
  const text = 'FROM b AS one\nARG X=1\nENV Y=2 PATH=/p\nWORKDIR /w\nCMD ["c"]\nUSER u\nFROM one\nRUN echo $X\nWORKDIR s\nENTRYPOINT e\n';
  const result = plan(text, {}, { 'docker.io/library/b:latest': { Env: ['A=b', 'Y=0'], Cmd: ['old'], Labels: { k: 'v' } } });
  assert.deepEqual(result.target.settings.Env, ['A=b', 'Y=2', 'PATH=/p']);
  assert.deepEqual(history(result), ['RUN |1 X=1 /bin/sh -c echo $X # buildkit', 'WORKDIR /w/s', 'ENTRYPOINT ["/bin/sh" "-c" "e"]']);
  assert.equal(result.target.settings.Cmd, undefined, 'the CMD of the base goes with its entrypoint');
  assert.deepEqual([result.target.settings.User, result.target.settings.Labels], ['u', { k: 'v' }]);
});

test('empty commands take away what the base has', () => {
  const known = { 'docker.io/library/b:latest': { Entrypoint: ['e'], Cmd: ['c'], Healthcheck: { Test: ['CMD', 'h'] } } };
  const { target } = plan('FROM b\nENTRYPOINT []\nHEALTHCHECK NONE\n', {}, known);
  assert.deepEqual(target.settings, { Env: [PATH], Healthcheck: { Test: ['NONE'] } });
  assert.deepEqual(history(plan('FROM b\nENTRYPOINT []\nCMD\n')), ['ENTRYPOINT []', 'CMD ["/bin/sh" "-c" ""]']);
  assert.equal('Cmd' in plan('FROM b\nCMD []\n', {}, known).target.settings, false);
});

test('ONBUILD of an image and of a stage comes first, once', () => {
  const known = { 'docker.io/library/b:latest': { OnBuild: ['ARG X=5', 'COPY --from=tools /t$X /t', 'RUN <<E\necho trig\nE'] } };
  const text = 'FROM scratch AS tools\nFROM b AS one\nONBUILD RUN echo mine\nRUN own\nFROM one\n';
  const image = plan(text, { target: 'one' }, known);
  assert.deepEqual(
    image.stages.map(({ index }) => index),
    [0, 1],
    'a trigger may need a stage',
  );
  assert.deepEqual(history(image), [
    'ARG X=5',
    'COPY /t5 /t # buildkit',
    'RUN |1 X=5 /bin/sh -c echo trig\n # buildkit',
    'RUN |1 X=5 /bin/sh -c own # buildkit',
  ]);
  assert.deepEqual(
    steps(image, 'run').map(({ title, onbuild }) => [title, onbuild]),
    [
      ['[one 3/4] ONBUILD RUN <<E (echo trig)', true],
      ['[one 4/4] RUN own', false],
    ],
  );
  assert.deepEqual(image.target.settings.OnBuild, ['RUN echo mine']);
  const stage = plan(text, {}, known);
  assert.deepEqual(
    steps(stage, 'run').map(({ argv }) => argv.at(-1)),
    ['echo mine'],
  );
  assert.equal(stage.target.settings.OnBuild, undefined);
});

test('global and predefined arguments', () => {
  const text =
    'ARG V=1\nARG TAG=v$V\nFROM --platform=$BUILDPLATFORM b:$TAG\nARG TAG\nARG TARGETARCH BUILDPLATFORM NONE\nARG V=2\nLABEL a=$TAG b=$TARGETARCH c=$BUILDPLATFORM d=$V e=$TARGETOS\n';
  const arm = { os: 'linux', architecture: 'arm64' };
  const result = plan(text, { targetPlatform: arm });
  assert.equal(result.target.base.kind === 'image' && result.target.base.key, 'docker.io/library/b:v1 linux/amd64');
  assert.deepEqual(result.target.settings.Labels, { a: 'v1', b: 'arm64', c: 'linux/amd64', d: '2', e: '' });
  const given = plan(text, { buildArgs: { V: '9', TARGETARCH: 'x', UNUSED: '1', BUILDKIT_X: '1' } });
  assert.equal(given.target.baseName, 'b:v9');
  assert.deepEqual(given.target.settings.Labels, { a: 'v9', b: 'x', c: 'linux/amd64', d: '9', e: '' });
  assert.deepEqual(given.unusedArgs, ['UNUSED']);
  const stage = (text: string, target?: string) =>
    plan(`FROM b AS one\nARG TARGETSTAGE\nLABEL a=$TARGETSTAGE\n${text}`, { target }).target.settings.Labels?.['a'];
  assert.deepEqual([stage(''), stage('FROM one'), stage('FROM one AS two'), stage('FROM one AS two', 'one')], ['one', 'default', 'two', 'one']);
});

test('named contexts stand in for images, stages and files', () => {
  const text = 'FROM alpine AS base\nRUN gone\nFROM base\nCOPY --from=src /a /b\nCOPY --from=alpine:latest /c /d\n';
  const namedContexts = { base: 'docker-image://busybox:1', 'docker.io/library/alpine': 'local:alp', src: 'https://x/y.git' };
  const result = plan(text, { namedContexts });
  assert.deepEqual(result.stages[0]?.base, {
    kind: 'image',
    key: 'docker.io/library/busybox:1 linux/amd64',
    name: 'docker.io/library/busybox:1',
    platform: AMD64,
  });
  assert.deepEqual(result.stages[0]?.steps, [], 'what the stage would do is not done');
  assert.deepEqual(
    steps(result, 'copy').map(({ from }) => from),
    [
      { kind: 'named-context', name: 'src', value: 'https://x/y.git' },
      { kind: 'named-context', name: 'docker.io/library/alpine', value: 'local:alp' },
    ],
  );
  assert.deepEqual(plan('FROM x', { namedContexts: { x: 'docker-image://scratch' } }).target.base, { kind: 'scratch' });
  const both = { x: 'local:any', 'x::linux/amd64': 'local:amd64', 'x::linux/arm64': 'local:arm64' };
  assert.deepEqual(plan('FROM x', { namedContexts: both }).target.base, { kind: 'named-context', name: 'x::linux/amd64', value: 'local:amd64' });
});

function copyOf(line: string, before = ''): CopyStep {
  return steps(plan(`FROM scratch AS s\nFROM scratch\n${before}\n${line}\n`), 'copy')[0]!;
}

test('sources and destinations are made absolute and stay inside', () => {
  const target = (line: string) => copyOf(line, 'WORKDIR /w').destination;
  assert.deepEqual(['COPY a b', 'COPY a b/', 'COPY a .', 'COPY a ./', 'COPY a /', 'COPY a /x/../y/', 'COPY a ../../z', 'COPY a /q/.'].map(target), [
    '/w/b',
    '/w/b/',
    '/w/',
    '/w/',
    '/',
    '/y/',
    '/z',
    '/q/',
  ]);
  assert.deepEqual(copyOf('COPY ../../etc/passwd ./a/ b*/c /d').sources, [
    { kind: 'path', path: '/etc/passwd' },
    { kind: 'path', path: '/a' },
    { kind: 'path', path: '/b*/c' },
  ]);
  assert.deepEqual(copyOf('COPY --parents a/b ./x/./y/*.c p/../../q /d/').sources, [
    { kind: 'parents', path: '/', pattern: 'a/b', required: true },
    { kind: 'parents', path: '/x', pattern: 'y/*.c', required: false },
    { kind: 'parents', path: '/', pattern: 'q', required: true },
  ]);
  assert.deepEqual(copyOf('ADD --keep-git-dir=true https://h/r.git#main:sub https://h/f%20x.tgz?q git@h:o/r.git /d/').sources, [
    { kind: 'git', url: 'https://h/r.git#main:sub', checksum: '', keepGitDir: true },
    { kind: 'http', url: 'https://h/f%20x.tgz?q', checksum: '', filename: 'f x.tgz' },
    { kind: 'git', url: 'git@h:o/r.git', checksum: '', keepGitDir: true },
  ]);
  assert.deepEqual(copyOf('ADD --unpack=false a /b').unpack, false);
});

test('here-documents of RUN: the script, a file, or the shell’s', () => {
  const run = (text: string): RunStep => steps(plan(`FROM scratch\n${text}\n`), 'run')[0]!;
  assert.deepEqual(run('RUN <<-E\n\ta\n\tE').argv, ['/bin/sh', '-c', 'a\n']);
  const script = run('RUN <<E\n#!/bin/x\ny\nE');
  assert.deepEqual([script.argv, script.files], [['/bin/sh', '-c', '/dev/pipes/E'], [{ path: '/dev/pipes/E', content: '#!/bin/x\ny\n', mode: 0o755 }]]);
  assert.deepEqual(run('RUN cat <<-A - <<B\n\tx\n\tA\ny\nB').argv, ['/bin/sh', '-c', 'cat <<-A - <<B\n\tx\nA\ny\nB']);
  assert.throws(() => run('RUN <<../../x\n#!/bin/sh\n../../x'), /invalid heredoc name/);
  assert.throws(() => plan('FROM scratch\nCOPY <<a/../../b /x\na/../../b\n'), /invalid heredoc name/);
});

test('mounts of RUN', () => {
  const text =
    'FROM b AS a\nFROM b\nWORKDIR /w\nARG I=id\nRUN --mount=target=m,source=../s --mount=type=cache,id=$I,target=/c --mount=from=a,target=/f --mount=type=secret,id=x,env=TOK --mount=type=secret,id=y,target=t echo $TOK $I\n';
  const [run] = steps(plan(text, { network: 'none' }), 'run');
  assert.deepEqual(
    run?.mounts.map(({ type, origin, source, target, id }) => [type, origin, source, target, id]),
    [
      ['bind', { kind: 'context' }, '/s', '/w/m', ''],
      ['cache', { kind: 'scratch' }, '/', '/c', 'id'],
      ['bind', { kind: 'stage', index: 0 }, '/', '/f', ''],
      ['secret', undefined, '', '', 'x'],
      ['secret', undefined, '', '/w/t', 'y'],
    ],
  );
  assert.equal(run?.network, 'none');
  assert.ok(run?.title.endsWith('echo **** id'), 'what a secret gives is not shown');
});

test('no-cache names stages', () => {
  const text = 'FROM b AS one\nFROM one AS two\nFROM two\n';
  const ignored = (noCache?: readonly string[]) => plan(text, { noCache }).stages.map(({ ignoreCache }) => ignoreCache);
  assert.deepEqual(ignored(), [false, false, false]);
  assert.deepEqual(ignored([]), [true, true, true]);
  assert.deepEqual(ignored(['TWO']), [false, true, false]);
});

test('stages that need one another', () => {
  const circle = 'FROM b AS x\nCOPY --from=y a b\nFROM b AS y\nCOPY --from=x a b\n';
  assert.throws(
    () => plan(circle),
    (error) => {
      assert.equal((error as Error).message, 'circular dependency detected on stage: x');
      assert.deepEqual(placesOf(error), [[{ start: 4, end: 4 }], [{ start: 2, end: 2 }]]);
      return true;
    },
  );
  assert.throws(() => plan('FROM b AS x\nCOPY --from=y a b\nFROM b AS y\nFROM x\n'), {
    message: 'cannot copy from stage "y", it needs to be defined before current stage "x"',
  });
  const many = Array.from({ length: 3000 }, (_, index) => `FROM scratch AS s${index}\nCOPY --from=s${index + 1} / /\n`).join('');
  assert.throws(() => plan(`${many}FROM scratch AS s3000\n`, { target: 's0' }), /needs to be defined before/);
});

test('a hostile build does not grow without end', () => {
  const doubling = `FROM scratch\nENV a=xxxxxxxxxxxxxxxx\n${'ENV a=$a$a\n'.repeat(40)}`;
  assert.throws(() => plan(doubling), /grew too l/);
  const triggers = { 'docker.io/library/b:latest': { OnBuild: Array.from({ length: 5000 }, () => 'RUN x') } };
  assert.throws(() => plan('FROM b\n'.repeat(5), { allStages: true }, triggers), { message: 'the base images have too many ONBUILD triggers' });
  assert.throws(() => plan(`FROM scratch\n${'EXPOSE 0-65535\n'.repeat(1000)}`), /grew too large/);
});

test('the config of a base image is not trusted', () => {
  const odd = { Env: null, Labels: null, Volumes: [], ExposedPorts: 5, OnBuild: 'RUN x', Cmd: [1], Entrypoint: {}, WorkingDir: 7, User: [], Shell: '' };
  const settings = { ...odd, Domainname: 'kept' } as unknown as BaseImage['settings'];
  const result = plan('FROM b\nRUN x\nWORKDIR y\n', {}, { 'docker.io/library/b:latest': settings });
  assert.deepEqual(result.target.settings, { Domainname: 'kept', Env: [PATH], WorkingDir: '/y' });
  assert.deepEqual(steps(result, 'run')[0]?.argv, ['/bin/sh', '-c', 'x']);
});

test('names that JavaScript gives a meaning are names', () => {
  const { settings } = plan('FROM scratch\nLABEL __proto__=a constructor=b\nENV __proto__=c\nARG toString\nVOLUME __proto__\n').target;
  assert.equal(Object.getOwnPropertyDescriptor(settings.Labels, '__proto__')?.value, 'a');
  assert.deepEqual(Object.keys(settings.Volumes ?? {}), ['__proto__']);
  assert.ok(settings.Env?.includes('__proto__=c'));
});
