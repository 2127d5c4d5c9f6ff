import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { applyChanges } from './change.ts';

describe('changes', () => {
  const table: readonly (readonly [changes: readonly string[], config: object])[] = [
    [['CMD ["sh", "-c", "x y"]'], { Cmd: ['sh', '-c', 'x y'] }],
    [['cmd echo $HOME'], { Cmd: ['/bin/sh', '-c', 'echo $HOME'] }],
    [['ENTRYPOINT ["/e"]'], { Entrypoint: ['/e'] }],
    [['CMD', 'ENTRYPOINT'], { Cmd: null, Entrypoint: null }],
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
  ];
  for (const [changes, config] of table) test(changes.join('; '), () => assert.deepEqual(applyChanges({}, changes), config));

  for (const [change, message] of [
    ['RUN x', /RUN is not a valid change command/],
    ['ENV', /ENV requires at least one argument/],
    ['', /an empty change requires/],
    ['ENV =x', /can't find = in|Must be of the form/],
    ['EXPOSE abc', /Invalid containerPort: abc/],
    ['EXPOSE 1-65536', /Invalid containerPort: 1-65536/],
    ['EXPOSE 9-8/udp', /Invalid containerPort: 9-8\/udp/],
    ['HEALTHCHECK x', /Unknown type "X" in HEALTHCHECK/],
    ['HEALTHCHECK --interval=soon CMD x', /invalid duration "soon"/],
  ] as const) {
    test(`refused: ${JSON.stringify(change)}`, () => assert.throws(() => applyChanges({}, [change]), { name: 'EngineError', kind: 'invalid', message }));
  }
});
