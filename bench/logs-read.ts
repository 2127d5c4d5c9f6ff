/**
 * `bin/node bench/logs-read.ts`: how fast a million lines come back over HTTP, read by another process.
 * `bin/node bench/logs-read.ts SOCKET CONTAINER` asks another daemon for a container that has written as many.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { apiRoutes } from '../src/api/routes.ts';
import { serve } from '../src/api/server.ts';
import { openEngine } from '../src/engine/open-engine.ts';
import { busyboxRootfs } from '../test/support/rootfs.ts';

const LINES = 1_000_000;
const SCRIPT = `awk 'BEGIN { for (i = 0; i < ${LINES}; i++) print "line " i " says something about what happened just now" }'`;

async function read(socket: string, container: string, query: string): Promise<{ readonly ms: number; readonly bytes: number }> {
  const begin = performance.now();
  const child = spawn('curl', [
    '-s',
    '-o',
    '/dev/null',
    '-w',
    '%{size_download}',
    '--unix-socket',
    socket,
    `http://d/v1.51/containers/${container}/logs?${query}`,
  ]);
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  await new Promise<void>((resolve, reject) => child.once('error', reject).once('close', () => resolve()));
  return { ms: performance.now() - begin, bytes: Number(out) };
}

async function measure(socket: string, container: string): Promise<void> {
  for (const query of ['stdout=1', 'stdout=1&timestamps=1', 'stdout=1&stderr=1&since=1', 'stdout=1&tail=1000']) {
    const rounds = [];
    for (let round = 0; round < 5; round++) rounds.push(await read(socket, container, query));
    const best = rounds.reduce((a, b) => (b.ms < a.ms ? b : a));
    const rate = query.includes('tail') ? '' : `${Math.round(LINES / best.ms)},000 lines/s, `;
    console.log(`${query.padEnd(32)} ${rate}${best.ms.toFixed(1)} ms, ${(best.bytes / 1e6).toFixed(1)} MB`);
  }
}

async function own(): Promise<void> {
  const folder = mkdtempSync(`${existsSync('/dev/shm') ? '/dev/shm' : tmpdir()}/kobako-bench-`);
  const engine = openEngine({ stateDir: folder, owner: true });
  const listener = createServer({ allowHalfOpen: true });
  const server = serve([listener], apiRoutes, engine, { version: '0.0.0' });
  try {
    await new Promise<void>((resolve) => listener.listen(`${folder}/api.sock`, resolve));
    const { Id } = await engine.containers.create({
      Cmd: ['sh', '-c', SCRIPT],
      HostConfig: { NetworkMode: 'none', Kobako: { Rootfs: { Path: await busyboxRootfs(), Overlay: true } } },
    });
    await engine.containers.start(Id);
    await engine.containers.wait(Id);
    await measure(`${folder}/api.sock`, Id);
    await engine.containers.remove(Id);
  } finally {
    await server.close({ graceMs: 0 });
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const [socket, container] = process.argv.slice(2);
await (socket === undefined || container === undefined ? own() : measure(socket, container));
