/** RUN --mount as a real Docker has it, where it is not plain: links, what may be written to, and several of one cache. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGround } from '../support/build-ground.ts';

const lines = (...text: readonly string[]) => `${text.join('\n')}\n`;

test('what a bind mount shows keeps its mode and its owner also where it may be written to; a link is followed', async (t) => {
  const ground = await buildGround(t);
  const { log } = await ground.build(
    lines(
      'FROM busybox AS other',
      'RUN echo "echo ran" > /script && chmod 751 /script && ln -s /script /link && mkdir -m 700 /d && touch /d/f && chown -R 7:8 /d',
      'FROM busybox',
      'RUN --mount=from=other,source=/script,target=/s,rw stat -c "%a %u" /s && sh /s && echo more >> /s',
      'RUN --mount=from=other,source=/link,target=/s,rw stat -c "%F %a" /s && sh /s',
      'RUN --mount=from=other,source=/link,target=/s stat -c "%F %a" /s && sh /s',
      'RUN --mount=from=other,source=/d,target=/t,rw stat -c "%a %u %g" /t && touch /t/g && ls /t',
      'RUN --mount=source=sub/,target=/t,rw touch /t/g && ls /t',
      'RUN --mount=source=sub/file,target=/t,rw cat /t',
    ),
    { 'sub/file': 'of the context\n' },
  );
  const wanted = ['751 0', 'ran', 'regular file 751', 'ran', 'regular file 751', 'ran', '700 7 8', 'f', 'g', 'file', 'g', 'of the context', ''];
  assert.deepEqual(log.split('\n'), wanted);
  const missing = ground.build(lines('FROM busybox AS other', 'FROM busybox', 'RUN --mount=from=other,source=/none,target=/t,rw true'));
  await assert.rejects(missing, /"\/none": not found/);
});

test('mounts of one cache in a step show one folder, however it is shared', { timeout: 60_000 }, async (t) => {
  const ground = await buildGround(t);
  for (const [one, two] of [
    ['locked', 'locked'],
    ['private', 'private'],
    ['shared', 'locked'],
  ]) {
    const mounts = [`--mount=type=cache,id=${one}${two},sharing=${one},target=/a`, `--mount=type=cache,id=${one}${two},sharing=${two},target=/b`];
    const { log } = await ground.build(lines('FROM busybox', `RUN ${mounts.join(' ')} echo ${one} ${two} > /a/f; cat /b/f`));
    assert.equal(log, `${one} ${two}\n`);
  }
});

test('steps that want the same caches in another order do not wait for each other', { timeout: 60_000 }, async (t) => {
  const ground = await buildGround(t);
  const step = (...ids: readonly string[]) => `RUN ${ids.map((id) => `--mount=type=cache,id=${id},sharing=locked,target=/${id}`).join(' ')} echo >> /a/f`;
  await ground.build(
    lines(
      'FROM busybox AS one',
      step('a', 'b', 'c'),
      'FROM busybox AS two',
      step('c', 'b', 'a'),
      'FROM busybox',
      'COPY --from=one /bin/sh /1',
      'COPY --from=two /bin/sh /2',
    ),
  );
  const { log } = await ground.build(lines('FROM busybox', 'RUN --mount=type=cache,id=a,target=/a wc -l < /a/f'));
  assert.equal(log, '2\n');
});
