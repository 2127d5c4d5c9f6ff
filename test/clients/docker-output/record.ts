/**
 * Runs docker's own client on the documents and keeps what it prints: `bin/node test/clients/docker-output/record.ts DOCKER`.
 * DOCKER is its path; no engine is needed. The command line's tests compare byte for byte with `recorded.json`.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { CASES, type Case } from './cases.ts';
import { documents, type Documents } from './documents.ts';
import type { Recorded, Recording } from './recorded.ts';

function answer(all: Documents, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://engine');
  const path = url.pathname.replace(/^\/v1\.\d+(?=\/)/, '');
  response.setHeader('Api-Version', '1.51');
  response.setHeader('Ostype', 'linux');
  if (path === '/_ping') return void response.end('OK');
  response.setHeader('Content-Type', 'application/json');
  let found = all[path];
  if ((found as { alias?: string } | undefined)?.alias !== undefined) found = all[(found as { alias: string }).alias];
  const filters = JSON.parse(url.searchParams.get('filters') ?? '{}') as Record<string, Record<string, boolean>>;
  if (path === '/networks' && filters['name'] !== undefined) found = (found as { Name: string }[]).filter(({ Name }) => filters['name']![Name]);
  if (path === '/containers/json' && !/^(1|true)$/.test(url.searchParams.get('all') ?? ''))
    found = (found as { State: string }[]).filter(({ State }) => State === 'running');
  if (found === undefined) {
    const [, kind = '', name = ''] = path.split('/');
    const what: Readonly<Record<string, string>> = { containers: 'No such container: ', images: 'No such image: ', networks: 'network ', volumes: 'get ' };
    const after: Readonly<Record<string, string>> = { networks: ' not found', volumes: ': no such volume' };
    response.statusCode = 404;
    return void response.end(JSON.stringify({ message: what[kind] === undefined ? 'page not found' : `${what[kind]}${name}${after[kind] ?? ''}` }));
  }
  // nanoseconds are more than a number holds
  const text = (value: unknown) => JSON.stringify(value).replaceAll(/"timeNano":"(\d+)"/g, '"timeNano":$1');
  response.end(path === '/events' ? (found as unknown[]).map((event) => `${text(event)}\n`).join('') : text(found));
}

async function record(docker: string): Promise<Recording> {
  const folder = mkdtempSync(`${tmpdir()}/kobako-record-`);
  const now = Math.floor(Date.now() / 1000);
  const all = documents(now);
  const server = createServer((request, response) => answer(all, request, response));
  await new Promise<void>((resolve) => server.listen(`${folder}/engine.sock`, resolve));
  const run = ({ args, config = {}, zone = 'UTC' }: Case) => {
    writeFileSync(`${folder}/config.json`, JSON.stringify(config));
    const env = { DOCKER_HOST: `unix://${folder}/engine.sock`, DOCKER_CONFIG: folder, TZ: zone, HOME: folder, PATH: '' };
    return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(docker, args, { env, timeout: 20_000 }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
      );
    });
  };
  try {
    const client = (await run({ args: ['version', '--format', '{{.Client.Version}}'] })).stdout.trim();
    const cases: Recorded[] = [];
    for (const each of CASES) cases.push({ ...each, ...(await run(each)) });
    return { client, now, cases };
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const [docker] = process.argv.slice(2);
if (docker === undefined) throw new Error('usage: record.ts DOCKER');
const recording = await record(docker);
// one case a line
const lines = recording.cases.map((each) => `    ${JSON.stringify(each)}`).join(',\n');
writeFileSync(
  `${import.meta.dirname}/recorded.json`,
  `{\n  "client": ${JSON.stringify(recording.client)},\n  "now": ${recording.now},\n  "cases": [\n${lines}\n  ]\n}\n`,
);
console.log(`${recording.cases.length} command lines of docker ${recording.client}`);
