import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { applyChanges } from './changes.ts';

describe('changes', () => {
  const table: readonly (readonly [changes: readonly string[], config: object])[] = [
    [['CMD ["sh", "-c", "x y"]'], { Cmd: ['sh', '-c', 'x y'] }],
    [['cmd echo $HOME'], { Cmd: ['/bin/sh', '-c', 'echo $HOME'] }],
    [['ENTRYPOINT ["/e"]'], { Entrypoint: ['/e'], Cmd: null }],
    [['CMD', 'ENTRYPOINT'], { Cmd: ['/bin/sh', '-c'], Entrypoint: null }],
    [['CMD a', 'ENTRYPOINT b'], { Cmd: ['/bin/sh', '-c', 'a'], Entrypoint: ['/bin/sh', '-c', 'b'] }],
    [['CMD []', 'CMD [a]', 'cmd ["a"'], { Cmd: ['/bin/sh', '-c', '["a"'] }],
    [['ENV A=1', 'ENV B=$A C=${A}x D=${N:-y} A=2', 'LABEL l="$A $B"', 'CMD ["$A"]'], { Env: ['A=2', 'B=1', 'C=1x', 'D=y'], Labels: { l: '2 1' }, Cmd: ['$A'] }],
    [['ENV A=1\n# a comment\nENV B=2 \\\n  C=3'], { Env: ['A=1', 'B=2', 'C=3'] }],
    [
      ['WORKDIR a/../b', 'WORKDIR "c d/"', 'USER x y', 'USER $NONE', 'EXPOSE 8080:80 $NONE'],
      { WorkingDir: '/b/c d', User: '', ExposedPorts: { '80/tcp': {} } },
    ],
    [['WORKDIR /a/'], { WorkingDir: '/a' }],
    [['ENV A=1 B="two words" C=th\\ ree', 'ENV A=9'], { Env: ['A=9', 'B=two words', 'C=th ree'] }],
    [['ENV OLD the rest of it'], { Env: ['OLD=the rest of it'] }],
    [['LABEL a.b=c "x y"=z'], { Labels: { 'a.b': 'c', 'x y': 'z' } }],
    [['EXPOSE 80 53/udp 8000-8002/TCP'], { ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {}, '8002/tcp': {} } }],
    [['VOLUME /a /b', 'VOLUME ["/c d"]'], { Volumes: { '/a': {}, '/b': {}, '/c d': {} } }],
    [['USER 1:2', 'WORKDIR /w', 'WORKDIR x', 'STOPSIGNAL SIGQUIT'], { User: '1:2', WorkingDir: '/w/x', StopSignal: 'SIGQUIT' }],
    [['ONBUILD RUN x'], { OnBuild: ['RUN x'] }],
    [['HEALTHCHECK NONE'], { Healthcheck: { Test: ['NONE'] } }],
    [
      ['HEALTHCHECK --interval=1m30s --timeout=500ms --retries=2 CMD curl x'],
      { Healthcheck: { Test: ['CMD-SHELL', 'curl x'], Interval: 90e9, Timeout: 5e8, Retries: 2 } },
    ],
    [['HEALTHCHECK CMD ["a"]'], { Healthcheck: { Test: ['CMD', 'a'] } }],
    [['HEALTHCHECK --interval=1.5h --timeout=0s CMD a'], { Healthcheck: { Test: ['CMD-SHELL', 'a'], Interval: 5400e9 } }],
  ];
  for (const [changes, config] of table) test(changes.join('; '), () => assert.deepEqual(applyChanges({}, changes), config));

  for (const [change, message] of [
    ['RUN x', 'RUN is not a valid change command'],
    ['FROM x', 'FROM is not a valid change command'],
    ['nope', 'nope is not a valid change command'],
    ['ENV A=1\nRUN x', 'RUN is not a valid change command'],
    ['ENV', 'ENV requires at least one argument'],
    ['ENV A', 'ENV must have two arguments'],
    ['', 'file with no instructions'],
    ['# x', 'file with no instructions'],
    ['ENV =x', 'ENV names can not be blank'],
    ['EXPOSE abc', 'Invalid containerPort: abc'],
    ['EXPOSE 80/x', 'Invalid proto: x'],
    ['EXPOSE 1-65536', 'Invalid containerPort: 1-65536'],
    ['EXPOSE 9-8/udp', 'Invalid containerPort: 9-8'],
    ['CMD ["a", 1]', 'when using JSON array syntax, arrays must be comprised of strings only'],
    ['ONBUILD FROM x', "FROM isn't allowed as an ONBUILD trigger"],
    ['VOLUME []', 'VOLUME requires at least one argument'],
    ['VOLUME ""', 'VOLUME specified can not be an empty string'],
    ['WORKDIR $NONE', 'cannot normalize nothing'],
    ['STOPSIGNAL NOPE', 'invalid signal: NOPE'],
    ['USER', 'USER requires exactly one argument'],
    ['HEALTHCHECK x', 'Unknown type "X" in HEALTHCHECK (try CMD)'],
    ['HEALTHCHECK --retries=-1 CMD x', '--retries cannot be negative (-1)'],
    ['HEALTHCHECK --nope=1 CMD x', 'unknown flag: --nope'],
    ['HEALTHCHECK --interval=1us CMD x', 'Interval "interval" cannot be less than 1ms'],
  ] as const) {
    test(`refused: ${JSON.stringify(change)}`, () => assert.throws(() => applyChanges({}, [change]), { name: 'EngineError', kind: 'invalid', message }));
  }

  test('variables of the config; what is there already stays', () => {
    const base = { Env: ['PATH=/bin', 'A'], Labels: { a: 'b' }, Cmd: ['old'], Shell: ['/bin/bash', '-c'], WorkingDir: '/w' };
    assert.deepEqual(applyChanges(base, ['ENV PATH=$PATH:/x', 'WORKDIR v', 'LABEL c=d']), {
      ...base,
      Env: ['PATH=/bin:/x', 'A'],
      WorkingDir: '/w/v',
      Labels: { a: 'b', c: 'd' },
    });
    assert.deepEqual(applyChanges(base, ['ENTRYPOINT x']), { ...base, Entrypoint: ['/bin/bash', '-c', 'x'], Cmd: null });
    assert.equal(applyChanges(base, []), base);
  });

  test('hostile ones end', () => {
    const doubling = ['ENV a=xxxxxxxxxxxxxxxx', ...Array.from({ length: 40 }, () => 'ENV a=$a$a')];
    const copies = ['ENV a=' + 'x'.repeat(60_000), ...Array.from({ length: 1000 }, (_, index) => `ENV b${index}=$a`)];
    const ports = Array.from({ length: 100 }, () => 'EXPOSE 1-65535');
    for (const changes of [doubling, copies, ports]) assert.throws(() => applyChanges({}, changes), { kind: 'invalid', message: /too long/ });
  });
});
