/** The daemon's side of a session, against a client of the test's own. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { duplexPair } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { until } from '../../test/support/monitored.ts';
import { tempFor } from '../../test/support/temp.ts';
import { frame, Unframer } from './grpc-frames.ts';
import { LocalFolders } from './local-folders.ts';
import { codec, type Message } from './messages.ts';
import { secretOf, sshSocketOf, uploadOf } from './session-parts.ts';
import { Sessions, type Session } from './sessions.ts';

interface ClientCall {
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** False: wait for `drained`. */
  say(type: string, message: object): boolean;
  drained(then: () => void): void;
  /** With a failure's code and message, or without. */
  end(code?: number, message?: string): void;
}

type Serve = (call: ClientCall) => (bytes: Buffer) => void;

/** A session whose client answers as `serve` says. */
function sessionWith(t: TestContext, methods: readonly string[], serve: Serve, sessions = new Sessions()): Session {
  const [ours, theirs] = duplexPair();
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    if (stream.destroyed) return; // cancelled on its way
    let trailers = {};
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => {
      if (!stream.destroyed) stream.sendTrailers(trailers);
    });
    stream.on('error', () => {});
    const take = serve({
      path: headers[':path']!,
      headers,
      say: (type, message) => stream.write(frame(codec(type).encode(message))),
      drained: (then) => void stream.once('drain', then),
      end: (code = 0, message = '') => {
        trailers = { 'grpc-status': String(code), 'grpc-message': encodeURIComponent(message) };
        stream.end();
      },
    });
    const unframer = new Unframer(1 << 20);
    stream.on('data', (piece: Buffer) => unframer.push(piece).forEach(take));
  });
  server.emit('connection', theirs);
  const session = sessions.add({ 'x-docker-expose-session-uuid': 'id', 'x-docker-expose-session-grpc-method': methods.join(', ') }, () => ours);
  t.after(() => session.client.close());
  return session;
}

const signal = new AbortController().signal;
const PACKET = 'fsutil.types.Packet';
const read = (bytes: Buffer): Message => codec(PACKET).decode(bytes);

test('a secret that there is, one that there is not, and a client that has none', async (t) => {
  const session = sessionWith(t, ['/moby.buildkit.secrets.v1.Secrets/GetSecret'], (call) => (bytes) => {
    const id = codec('moby.buildkit.secrets.v1.GetSecretRequest').decode(bytes)['ID'];
    if (id !== 'known') return call.end(id === 'unknown' ? 5 : 13, 'no, "not" here');
    call.say('moby.buildkit.secrets.v1.GetSecretResponse', { data: Buffer.from('s3cret') });
    call.end();
  });
  assert.equal(Buffer.from((await secretOf(session, 'known', signal))!).toString(), 's3cret');
  assert.equal(await secretOf(session, 'unknown', signal), undefined);
  await assert.rejects(secretOf(session, 'broken', signal), { name: 'GrpcError', code: 13, message: 'no, "not" here' });
  const other = sessionWith(t, [], () => () => {});
  assert.equal(await secretOf(other, 'known', signal), undefined);
});

test('the client’s files come, with what was wished in the headers', async (t) => {
  const folders = new LocalFolders(tempFor(t));
  t.after(() => folders.close());
  let headers: Readonly<Record<string, unknown>> = {};
  let asked = 0;
  const session = sessionWith(t, ['/moby.filesync.v1.FileSync/DiffCopy'], (call) => {
    headers = call.headers;
    call.say(PACKET, { type: 0, stat: { path: 'd', mode: 2 ** 31 + 0o755, modTime: 1e18 } });
    call.say(PACKET, { type: 0, stat: { path: 'd/f', mode: 0o600, size: 5, modTime: 1e18 } });
    call.say(PACKET, { type: 0 });
    return (bytes) => {
      const packet = read(bytes);
      if (packet['type'] === 1) {
        asked++;
        call.say(PACKET, { type: 2, ID: packet['ID'], data: Buffer.from('hello') });
        call.say(PACKET, { type: 2, ID: packet['ID'] });
      } else if (packet['type'] === 3) {
        call.say(PACKET, { type: 3 });
        call.end();
      }
    };
  });
  for (let round = 0; round < 2; round++) {
    await using folder = await folders.open(session, 'context', { name: 'x', followPaths: ['d', 'ä b'], excludePatterns: ['no'] }, signal);
    assert.deepEqual(readdirSync(folder.path, { recursive: true }).map(String).toSorted(), ['d', 'd/f']);
    assert.equal(readFileSync(`${folder.path}/d/f`, 'utf8'), 'hello');
    assert.ok(folder.transferred! > 0);
  }
  assert.equal(asked, 1);
  assert.deepEqual(
    [headers['dir-name'], headers['followpaths'], headers['followpaths-encoded'], headers['exclude-patterns']],
    ['context', 'd, %C3%A4+b', '1', 'no'],
  );
  await using first = await folders.open(session, 'context', { name: 'x' }, signal);
  await using second = await folders.open(session, 'context', { name: 'x' }, signal);
  assert.notEqual(first.path, second.path);
});

test('a few files come in memory: those that changed, for as many builds as there are; they are part of the build cache', async (t) => {
  const root = tempFor(t);
  const folders = new LocalFolders(root);
  t.after(() => folders.close());
  let content = 'FROM a';
  let [asked, modTime] = [0, 1];
  const session = sessionWith(t, ['/moby.filesync.v1.FileSync/DiffCopy'], (call) => {
    call.say(PACKET, { type: 0, stat: { path: 'Dockerfile', mode: 0o600, size: content.length, modTime } });
    call.say(PACKET, { type: 0 });
    return (bytes) => {
      const packet = read(bytes);
      if (packet['type'] === 1) {
        asked++;
        for (const data of [Buffer.from(content), Buffer.alloc(0)]) call.say(PACKET, { type: 2, ID: packet['ID'], data });
      } else if (packet['type'] === 3) {
        call.say(PACKET, { type: 3 });
        call.end();
      }
    };
  });
  const get = () => folders.files(session, 'dockerfile', { name: 'x', followPaths: ['Dockerfile'] }, signal);
  const first = await get();
  assert.deepEqual([first.file('Dockerfile'), first.file('x'), asked], [{ text: 'FROM a', size: 6 }, undefined, 1]);
  assert.ok(first.transferred > 0);
  await get();
  assert.equal(asked, 1);
  [content, modTime] = ['FROM bb', 2];
  const [one, two] = await Promise.all([get(), get()]);
  assert.deepEqual([one.file('Dockerfile')?.text, two.file('Dockerfile')?.text, first.file('Dockerfile')?.text], ['FROM bb', 'FROM bb', 'FROM a']);
  const records = folders.list().map(({ record: { type, description, inUse, size } }) => [type, description, inUse, size]);
  assert.deepEqual(
    records,
    [1, 2].map(() => ['source.local', 'local source for dockerfile', false, 7]),
  );
  assert.deepEqual([folders.list().map((each) => each.remove()), folders.list(), readdirSync(root)], [[true, true], [], []]);
  const broken = sessionWith(t, ['/moby.filesync.v1.FileSync/DiffCopy'], (call) => {
    call.say(PACKET, { type: 2, ID: 9, data: Buffer.from('x') });
    return () => {};
  });
  await assert.rejects(folders.files(broken, 'dockerfile', { name: 'x' }, signal), /was not asked for/);
});

test('copies are part of the build cache, with the room that they take; one in use stays', async (t) => {
  const folders = new LocalFolders(tempFor(t));
  t.after(() => folders.close());
  const session = sessionWith(t, ['/moby.filesync.v1.FileSync/DiffCopy'], (call) => {
    call.say(PACKET, { type: 0, stat: { path: 'f', mode: 0o600, size: 5, modTime: 1e18 } });
    call.say(PACKET, { type: 0 });
    return (bytes) => {
      const packet = read(bytes);
      if (packet['type'] === 1) {
        for (const data of [Buffer.from('hello'), Buffer.alloc(0)]) call.say(PACKET, { type: 2, ID: packet['ID'], data });
      } else if (packet['type'] === 3) {
        call.say(PACKET, { type: 3 });
        call.end();
      }
    };
  });
  let path = '';
  {
    await using folder = await folders.open(session, 'context', { name: 'x' }, signal);
    path = dirname(folder.path);
    const [used] = folders.list();
    const { id, type, description, inUse, size, usageCount } = used!.record;
    assert.deepEqual([type, description, inUse, size, usageCount], ['source.local', 'local source for context', true, 5, 1]);
    assert.match(id, /^[a-z0-9]{20,25}$/);
    assert.equal(used!.remove(), false);
  }
  const [free] = folders.list();
  assert.equal(free!.record.inUse, false);
  assert.equal(free!.remove(), true);
  assert.deepEqual([folders.list(), free!.remove()], [[], false]);
  await until('it is gone', () => !existsSync(path));
});

test('copies that nobody wanted for two days go with the next build', async (t) => {
  let now = 1_000_000;
  const folder = tempFor(t);
  const folders = new LocalFolders(folder, () => now);
  t.after(() => folders.close());
  const session = sessionWith(t, ['/moby.filesync.v1.FileSync/DiffCopy'], (call) => {
    call.say(PACKET, { type: 0 });
    return (bytes) => {
      if (read(bytes)['type'] !== 3) return;
      call.say(PACKET, { type: 3 });
      call.end();
    };
  });
  const used = async (name: string) => {
    await using opened = await folders.open(session, name, { name: 'x' }, signal);
    return dirname(opened.path);
  };
  const [old, young] = [await used('old'), await used('young')];
  now += 47 * 3600_000;
  assert.equal(await used('young'), young);
  now += 2 * 3600_000;
  await used('other');
  await until('the old one is gone', () => !existsSync(old));
  assert.ok(existsSync(young));
});

test('a client that breaks the rules, says that it failed, or goes', async (t) => {
  const folders = new LocalFolders(tempFor(t));
  t.after(() => folders.close());
  const cases: readonly (readonly [RegExp, (call: ClientCall) => void])[] = [
    [/is no path of a context/, (call) => call.say(PACKET, { type: 0, stat: { path: '../x', mode: 0o600 } })],
    [/was not asked for/, (call) => call.say(PACKET, { type: 2, ID: 9, data: Buffer.from('x') })],
    [/broke the rules/, (call) => call.say(PACKET, { type: 3 })],
    [/lstat x: permission denied/, (call) => call.say(PACKET, { type: 4, data: Buffer.from('lstat x: permission denied') })],
    [/ended the file sync before its end/, (call) => call.end()],
    [/not shared/, (call) => call.end(2, 'not shared')],
    [/malformed packet/, (call) => call.say('moby.filesync.v1.CredentialsResponse', { Username: 'x', Secret: 'y' })],
  ];
  for (const [words, act] of cases) {
    const session = sessionWith(t, ['/moby.filesync.v1.FileSync/DiffCopy'], (call) => {
      act(call);
      return () => {};
    });
    await assert.rejects(folders.open(session, 'context', { name: 'x' }, signal), words);
  }
  const silent = sessionWith(t, ['/moby.filesync.v1.FileSync/DiffCopy'], () => () => {});
  const waiting = folders.open(silent, 'context', { name: 'x' }, signal);
  silent.client.close();
  await assert.rejects(waiting, /has ended/);
  const stop = new AbortController();
  const cancelled = folders.open(
    sessionWith(t, ['/moby.filesync.v1.FileSync/DiffCopy'], () => () => {}),
    'context',
    { name: 'x' },
    stop.signal,
  );
  stop.abort(new Error('enough'));
  await assert.rejects(cancelled, /enough/);
});

test('an agent’s socket leads to the client, and goes', async (t) => {
  const run = tempFor(t);
  const session = sessionWith(t, ['/moby.sshforward.v1.SSH/CheckAgent', '/moby.sshforward.v1.SSH/ForwardAgent'], (call) => (bytes) => {
    if (call.path.endsWith('CheckAgent')) {
      const known = codec('moby.sshforward.v1.CheckAgentRequest').decode(bytes)['ID'] === 'default';
      if (known) call.say('moby.sshforward.v1.CheckAgentResponse', {});
      return call.end(known ? 0 : 2, known ? '' : 'unset ssh forward key');
    }
    assert.equal(call.headers['buildkit.ssh.id'], 'default');
    const { data } = codec('moby.sshforward.v1.BytesMessage').decode(bytes) as { readonly data: Buffer };
    call.say('moby.sshforward.v1.BytesMessage', { data: Buffer.from(data.toString().toUpperCase()) });
  });
  assert.equal(await sshSocketOf(session, 'other', run, signal), undefined);
  const agent = (await sshSocketOf(session, 'default', run, signal))!;
  const socket: Socket = connect(agent.path);
  socket.write('hello agent');
  const [answer] = (await new Promise((resolve) => socket.once('data', (data) => resolve([data])))) as [Buffer];
  assert.equal(answer.toString(), 'HELLO AGENT');
  session.client.close();
  const late: Socket = connect(agent.path);
  await new Promise((resolve) => late.once('close', resolve));
  await agent[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(run), []);
});

test('an agent’s answers that a step does not read do not pile up here', { timeout: 60_000 }, async (t) => {
  const run = tempFor(t);
  const [piece, pieces] = [Buffer.alloc(1 << 20), 256];
  let left = pieces;
  const session = sessionWith(t, ['/moby.sshforward.v1.SSH/CheckAgent', '/moby.sshforward.v1.SSH/ForwardAgent'], (call) => () => {
    if (call.path.endsWith('CheckAgent')) {
      call.say('moby.sshforward.v1.CheckAgentResponse', {});
      return call.end();
    }
    const more = () => {
      while (left > 0) if (left-- && !call.say('moby.sshforward.v1.BytesMessage', { data: piece })) return call.drained(more);
      call.end();
    };
    more();
  });
  await using agent = (await sshSocketOf(session, 'default', run, signal))!;
  const socket: Socket = connect(agent.path);
  socket.pause().write('go');
  // it stands still, or is through
  for (let before = -1; before !== left;) {
    before = left;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert.ok(left > pieces / 2, `${left} left`);
  let size = 0;
  for await (const data of socket) size += (data as Buffer).length;
  assert.equal(size, pieces * piece.length);
});

test('what the client uploads; paths that were not made up by it are refused', async (t) => {
  const session = sessionWith(t, ['/moby.upload.v1.Upload/Pull'], (call) => {
    assert.deepEqual([call.headers['urlpath'], call.headers['urlhost']], ['/abc', 'buildkit-session']);
    for (const data of ['one', 'two']) call.say('moby.upload.v1.BytesMessage', { data: Buffer.from(data) });
    call.end();
    return () => {};
  });
  let got = '';
  for await (const bytes of uploadOf(session, '/abc', signal)) got += Buffer.from(bytes).toString();
  assert.equal(got, 'onetwo');
  await assert.rejects(uploadOf(session, '/a\nb', signal).next(), { kind: 'invalid' });
});

test('sessions are found by their id, also those that come a moment later', async (t) => {
  const sessions = new Sessions();
  const waiting = sessions.get('id');
  const session = sessionWith(t, [], () => () => {}, sessions);
  assert.equal(await waiting, session);
  assert.equal(await sessions.get('id'), session);
  const none = (): never => assert.fail('the connection was taken');
  assert.throws(() => sessions.add({ 'x-docker-expose-session-uuid': 'id' }, none), { kind: 'conflict' });
  for (const id of ['', '../x', 'x'.repeat(300)]) assert.throws(() => sessions.add({ 'x-docker-expose-session-uuid': id }, none), { kind: 'invalid' });
  session.client.close();
  const stop = new AbortController();
  const gone = sessions.get('id', stop.signal);
  stop.abort(new Error('enough'));
  await assert.rejects(gone, /enough/);
});
