import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGround } from '../support/build-ground.ts';

test('builds: RUN, COPY, ENV and CMD become an image that runs', async (t) => {
  const ground = await buildGround(t);
  const dockerfile = ['FROM busybox', 'RUN echo made > /made && echo said', 'COPY hello.txt /dir/', 'ENV A=b', 'CMD ["sh", "-c", "cat /dir/hello.txt"]'].join(
    '\n',
  );
  const built = await ground.build(dockerfile, { 'hello.txt': 'hello\n' });
  assert.match(built.log, /said/);
  assert.equal(await ground.run(built.imageId!, 'cat /made /dir/hello.txt; echo $A'), 'made\nhello\nb\n');
  const again = await ground.build(dockerfile, { 'hello.txt': 'hello\n' });
  assert.equal(again.imageId, built.imageId);
  assert.equal(again.log, '');
  const changed = await ground.build(dockerfile, { 'hello.txt': 'changed\n' });
  assert.notEqual(changed.imageId, built.imageId);
  assert.equal(changed.log, '', 'RUN comes before what has changed');
});
