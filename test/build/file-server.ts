/** A web server for ADD: files, redirects, a git repository by git's own http-backend; on every address, for the test's time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { dir, file, layerTar } from '../support/layers.ts';
import { runOk } from '../support/run.ts';

export interface FileServer {
  /** `http://ADDRESS:PORT` */
  readonly url: string;
  end(): Promise<void>;
}

const DATE = 'Tue, 14 Nov 2023 22:13:20 GMT';

/** Whole seconds need no pax header, in which BuildKit's front end does not see an archive. */
const mtime = 1_700_000_000_000_000_000n;

const FILES: Readonly<Record<string, Buffer>> = {
  '/hello.txt': Buffer.from('hello from the web\n'),
  '/archive.tar.gz': gzipSync(layerTar([dir('in'), file('in/file', 'packed\n', { uid: 5, gid: 6, mode: 0o640 })])),
  '/context.tar': layerTar([file('Dockerfile', 'FROM base/busybox:1\nCOPY a /a\n', { mtime }), file('a', 'of a remote context\n', { mtime })]),
  '/remote.Dockerfile': Buffer.from('FROM base/busybox:1\nRUN echo remote >/r\n'),
};

/** `folder`: the test's own. */
export async function startFileServer(folder: string, address: string): Promise<FileServer> {
  const root = await makeRepository(`${folder}/git`);
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0]!;
    if (path.startsWith('/repo.git/')) return gitBackend(root, request, response);
    const found = FILES[path];
    if (path === '/moved.txt') response.writeHead(302, { Location: '/hello.txt' }).end();
    else if (path === '/named') response.writeHead(200, { 'Content-Disposition': 'attachment; filename="given.txt"', 'Last-Modified': DATE }).end('named\n');
    else if (path === '/dateless.txt') response.writeHead(200).end('no date\n');
    else if (found === undefined) response.writeHead(404).end('nothing here\n');
    else
      response
        .writeHead(200, { 'Content-Length': found.length, 'Last-Modified': DATE, 'Content-Type': 'application/octet-stream' })
        .end(request.method === 'HEAD' ? '' : found);
  }).listen(0, '0.0.0.0');
  await once(server, 'listening');
  const end = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://${address}:${(server.address() as AddressInfo).port}`, end };
}

/** Always the same commits: a tag `v1`, and a later one on `main`. */
async function makeRepository(folder: string): Promise<string> {
  const work = `${folder}/work`;
  mkdirSync(`${work}/sub`, { recursive: true });
  const who = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.com', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@example.com' };
  const env = { ...process.env, ...who, HOME: folder, GIT_CONFIG_NOSYSTEM: '1', GIT_AUTHOR_DATE: '1700000000 +0000', GIT_COMMITTER_DATE: '1700000000 +0000' };
  const git = (...args: string[]) => runOk('git', ['-C', work, ...args], { env });
  await git('init', '-q', '-b', 'main');
  writeFileSync(`${work}/README`, 'first\n');
  writeFileSync(`${work}/Dockerfile`, 'FROM base/busybox:1\nCOPY README /README\n');
  writeFileSync(`${work}/sub/run.sh`, '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(`${work}/sub/Dockerfile`, 'FROM base/busybox:1\nCOPY run.sh /\n');
  await git('add', '.');
  await git('commit', '-qm', 'first');
  await git('tag', 'v1');
  writeFileSync(`${work}/README`, 'second\n');
  await git('commit', '-qam', 'second');
  await runOk('git', ['clone', '-q', '--bare', work, `${folder}/repo.git`], { env });
  return folder;
}

/** CGI (RFC 3875), as far as git http-backend goes. */
function gitBackend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const [path, query = ''] = (request.url ?? '').split('?');
  const child = spawn('git', ['-c', 'safe.directory=*', '-c', 'uploadpack.allowAnySHA1InWant=true', 'http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env['PATH'],
      HOME: root,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_ADDR: '127.0.0.1',
    },
  });
  child.stdin.on('error', () => {});
  request.pipe(child.stdin);
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  child.once('close', () => {
    const all = Buffer.concat(parts);
    const end = all.indexOf('\r\n\r\n');
    let status = 200;
    for (const line of all.toString('latin1', 0, Math.max(0, end)).split('\r\n')) {
      const [, name, value] = /^([^:]+): (.*)$/.exec(line) ?? [];
      if (name === 'Status') status = Number(value!.split(' ')[0]);
      else if (name !== undefined) response.setHeader(name, value!);
    }
    response.writeHead(end < 0 ? 500 : status).end(all.subarray(end + 4));
  });
}
