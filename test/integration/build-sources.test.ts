/** Sources of builds that are elsewhere, and mean no good: they hang, drip, redirect, and want what is not theirs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { BuildFailureDetail } from '../../src/engine/builds-contract.ts';
import { buildGround, type BuildGround } from '../support/build-ground.ts';
import { run } from '../support/run.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function served(t: TestContext, answer: Answer): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const add = (ground: BuildGround, url: string, more: object = {}) =>
  ground.build(`FROM busybox\nADD ${url} /to/\nRUN cat /to/*\n`, {}, { noCache: true, ...more });
const context = (ground: BuildGround, url: string, more: object = {}) => ground.build('', {}, { contexts: { context: { kind: 'remote', url } }, ...more });
const moved = (response: ServerResponse, location: string) => void response.writeHead(302, { location }).end();

function clean({ dataRoot }: BuildGround): void {
  assert.deepEqual(readdirSync(`${dataRoot}/build/work`), []);
}

test('a user and a password in a URL reach its host, and no other; nobody is shown them', async (t) => {
  const ground = await buildGround(t);
  const seen: string[] = [];
  const other = await served(t, (request, response) => {
    seen.push(`other ${request.url} ${request.headers.authorization}`);
    response.end('from the other\n');
  });
  const host = await served(t, (request, response) => {
    seen.push(`host ${request.url} ${request.headers.authorization}`);
    if (request.url === '/away') return moved(response, `http://${other}/taken`);
    if (request.url === '/here') return moved(response, '/file');
    if (request.url === '/denied') return void response.writeHead(403).end('no');
    response.end('from the host\n');
  });
  const mine = `Basic ${Buffer.from('me:open sesame').toString('base64')}`;
  assert.match((await add(ground, `http://me:open%20sesame@${host}/here`)).log, /from the host/);
  assert.match((await add(ground, `http://me:open%20sesame@${host}/away`)).log, /from the other/);
  assert.deepEqual(seen, [`host /here ${mine}`, `host /file ${mine}`, `host /away ${mine}`, 'other /taken undefined']);
  for (const url of [`http://me:sesame@${host}/denied`, 'http://me:sesame@127.0.0.1:1/refused', 'http://me:sesame@%/', `http://me:sesame@${host}/r.git`]) {
    for (const build of [add, context]) {
      const error = await build(ground, url).then(
        () => assert.fail(url),
        (failed: Error & { detail?: BuildFailureDetail }) => failed,
      );
      assert.ok(!error.message.includes('sesame') && !JSON.stringify(error.detail ?? {}).includes('"answer":"http://me:sesame'), error.message);
    }
  }
  clean(ground);
});

test('redirects to what is no web server are refused, and so are those without end', async (t) => {
  const ground = await buildGround(t);
  const targets: Readonly<Record<string, string>> = {
    '/file': 'file:///etc/passwd',
    '/ftp': 'ftp://127.0.0.1/x',
    '/data': 'data:text/plain,x',
    '/nothing': 'http://',
    '/round': '/round',
    '/git.git/info/refs?service=git-upload-pack': 'file:///etc/git.git/info/refs?service=git-upload-pack',
    '/ext.git/info/refs?service=git-upload-pack': 'ext::sh -c whoami',
  };
  const host = await served(t, (request, response) => moved(response, targets[request.url ?? ''] ?? '/none'));
  for (const path of ['/file', '/ftp', '/data', '/nothing']) {
    await assert.rejects(add(ground, `http://${host}${path}`), { kind: 'invalid', message: /invalid URL .*: http and https can be fetched/ });
    await assert.rejects(context(ground, `http://${host}${path}`), { kind: 'invalid' });
  }
  for (const build of [add, context]) {
    await assert.rejects(build(ground, `http://${host}/round`), /stopped after 10 redirects/);
    await assert.rejects(build(ground, `http://${host}/git.git`), /failed to run git fetch/);
    await assert.rejects(build(ground, `http://${host}/ext.git`), /failed to run git fetch/);
    for (const url of ['ext::sh%20-c%20whoami', 'file:///etc/passwd', '--upload-pack=x', 'git://-oProxyCommand=x/r']) {
      await assert.rejects(build(ground, url), `${url} is no source`);
    }
  }
  clean(ground);
});

test('what drips or hangs ends with its build, and no process of it is left', async (t) => {
  const ground = await buildGround(t);
  let asked: () => void = () => {};
  let closed = Promise.withResolvers<void>();
  const host = await served(t, (request, response) => {
    response.once('close', () => closed.resolve());
    if (request.url !== '/drip') return asked();
    const drip = setInterval(() => response.write('x'), 10);
    response.once('close', () => clearInterval(drip));
    setTimeout(() => asked(), 50);
  });
  for (const path of ['/hangs', '/drip', '/hangs.git']) {
    for (const build of [add, context]) {
      const stop = new AbortController();
      closed = Promise.withResolvers();
      asked = () => stop.abort();
      await assert.rejects(build(ground, `http://${host}${path}`, { signal: stop.signal }), { kind: 'cancelled' }, path);
      await closed.promise;
      clean(ground);
    }
  }
  assert.equal((await run('pgrep', ['-f', `${host}/hangs.git`])).stdout, '');
});

test('a length that lies, and a stream that is cut', async (t) => {
  const ground = await buildGround(t);
  const host = await served(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('too little');
    setTimeout(() => response.destroy(), 20);
  });
  await assert.rejects(add(ground, `http://${host}/cut`), { kind: 'unavailable', message: new RegExp(`failed to load http://${host}/cut: `) });
  await assert.rejects(context(ground, `http://${host}/cut`), { kind: 'unavailable' });
  clean(ground);
});

test('a repository’s submodules come from no folder of this machine, and its hooks and filters are not run', async (t) => {
  const ground = await buildGround(t);
  const marker = `${ground.folder}/ran`;
  const script = `
    mkdir -p "$1" && cd "$1" && git init -q -b main && echo x > f
    printf '[submodule "s"]\\n\\tpath = s\\n\\turl = file://%s\\n' "$1" > .gitmodules
    printf '* filter=evil\\n' > .gitattributes
    git add . && git -c user.name=n -c user.email=e@x commit -qm one
    git clone -q --bare . ../plain.git && printf '#!/bin/sh\\ntouch %s\\n' "$2" > ../plain.git/hooks/post-checkout && chmod +x ../plain.git/hooks/post-checkout
    git -C ../plain.git config filter.evil.smudge "touch $2" && git -C ../plain.git update-server-info
    git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),s && git -c user.name=n -c user.email=e@x commit -qm two
    git clone -q --bare . ../sub.git && git -C ../sub.git update-server-info
    blob=$(git rev-parse HEAD:f) long=$(printf %0230d 0) i=0; while [ $i -lt 4000 ]; do echo "100644 $blob 0\tmany/$long$i"; i=$((i + 1)); done | git update-index --index-info
    git -c user.name=n -c user.email=e@x commit -qm three && git clone -q --bare . ../many.git && git -C ../many.git update-server-info`;
  execFileSync('sh', ['-ec', script, 'sh', `${ground.folder}/served/repo`, marker]);
  const host = await served(t, (request, response) => {
    try {
      response.end(readFileSync(`${ground.folder}/served${new URL(request.url ?? '', 'http://x').pathname}`));
    } catch {
      response.writeHead(404).end();
    }
  });
  // the list of many files is cut before the module
  for (const name of ['sub', 'many']) {
    await assert.rejects(add(ground, `http://${host}/${name}.git`), /failed to run git submodule: [^]*'file' not allowed/);
  }
  const built = await ground.build(`FROM busybox\nADD http://${host}/plain.git /to/\nRUN cat /to/f\n`, {}, { noCache: true });
  assert.match(built.log, /^x$/m);
  assert.equal((await run('ls', [marker])).stdout, '');
  clean(ground);
});

test('an archive from elsewhere that climbs', async (t) => {
  const ground = await buildGround(t);
  const { layerTar, file, symlink } = await import('../support/layers.ts');
  const tar = layerTar([symlink('out', '/tmp'), file('out/kobako-escape', 'x'), file('../../../../../../tmp/kobako-escape', 'x')]);
  const host = await served(t, (_request, response) => response.end(tar));
  await assert.rejects(context(ground, `http://${host}/x.tar`), { kind: 'invalid' });
  const built = ground.build(`FROM busybox\nADD --unpack=true http://${host}/x.tar /deep/er/\n`);
  await assert.rejects(built, { kind: 'invalid' });
  assert.equal((await run('ls', ['/tmp/kobako-escape'])).stdout, '');
  clean(ground);
});

test('a name that no file here can have is none of ours', { timeout: 60_000 }, async (t) => {
  const ground = await buildGround(t);
  const host = await served(t, (_request, response) => {
    response.write('first, ');
    // when the file is there, or cannot be
    setTimeout(() => response.end('second'), 200);
  });
  const long = `http://${host}/${'n'.repeat(300)}`;
  assert.match((await ground.build(`FROM busybox\nADD ${long} /there\nRUN cat /there\n`)).log, /first, second/);
  await assert.rejects(ground.build(`FROM busybox\nADD ${long} /to/\n`), /name too long/i);
  clean(ground);
});
