/**
 * `bin/node bench/daemon-start.ts [CONTAINERS] [ROUNDS]`: from the start of `kobako daemon` to its first answer, and to
 * the first list of all containers, with none and with many on disk; a tenth of them has run, a hundredth runs. Medians
 * in milliseconds, and one line of JSON.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../test/support/api-client.ts';
import { projectDir } from '../test/support/paths.ts';
import { busyboxRootfs } from '../test/support/rootfs.ts';
import { runOk } from '../test/support/run.ts';

const MANY = Number(process.argv[2] ?? 500);
const ROUNDS = Number(process.argv[3] ?? 15);

interface Round {
  readonly answers: number;
  readonly lists: number;
}

class Daemon {
  readonly #folder: string;
  readonly #socket: string;
  #child: ChildProcess | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    this.#socket = `${folder}/k.sock`;
  }

  async start(expected: number): Promise<Round> {
    const began = performance.now();
    const args = ['daemon', '--data-root', `${this.#folder}/data`, '--exec-root', `${this.#folder}/exec`, '-H', `unix://${this.#socket}`];
    this.#child = spawn(`${projectDir}/bin/kobako`, args, { stdio: 'ignore' });
    while (!(await this.#listens())) await sleep(1);
    await this.#use((api) => api.get('/_ping'));
    const answers = performance.now() - began;
    return this.#use(async (api) => {
      const { json } = await api.get('/v1.51/containers/json?all=1', { checked: false });
      const lists = performance.now() - began;
      if ((json as unknown[]).length !== expected) throw new Error(`${(json as unknown[]).length} containers, not ${expected}`);
      return { answers, lists };
    });
  }

  async stop(): Promise<void> {
    if (this.#child === undefined) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
    this.#child = undefined;
  }

  async fill(): Promise<void> {
    await this.#use(async (api) => {
      await runOk('tar', ['-C', await busyboxRootfs(), '-cf', `${this.#folder}/busybox.tar`, '.']);
      const body = readFileSync(`${this.#folder}/busybox.tar`);
      await api.ask('POST', '/v1.51/images/create?fromSrc=-&repo=busybox', { body, headers: { 'Content-Type': 'application/x-tar' } });
      for (let index = 0; index < MANY; index++) {
        const runs = index % 100 === 0;
        const created = await api.post('/v1.51/containers/create', {
          Image: 'busybox',
          Cmd: runs ? ['sleep', '3600'] : ['true'],
          HostConfig: { NetworkMode: 'none' },
        });
        const { Id } = created.json as { Id: string };
        if (index % 10 === 0) await api.post(`/v1.51/containers/${Id}/start`);
        if (index % 10 === 0 && !runs) await api.post(`/v1.51/containers/${Id}/wait`);
      }
    });
  }

  async empty(): Promise<void> {
    await this.#use(async (api) => {
      const { json } = await api.get('/v1.51/containers/json', { checked: false });
      for (const { Id } of json as { Id: string }[]) await api.delete(`/v1.51/containers/${Id}?force=1`);
      await api.post('/v1.51/containers/prune', undefined, { checked: false });
    });
  }

  #listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#socket, () => socket.end());
      socket.once('close', (failed) => resolve(!failed)).once('error', () => {});
    });
  }

  async #use<T>(use: (api: ApiClient) => Promise<T>): Promise<T> {
    using api = new ApiClient(this.#socket);
    return await use(api);
  }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function main(): Promise<void> {
  const folder = mkdtempSync(`${tmpdir()}/kobako-bench-`);
  const [none, many] = [new Daemon(`${folder}/none`), new Daemon(`${folder}/many`)];
  for (const name of ['none', 'many']) await runOk('mkdir', [`${folder}/${name}`]);
  try {
    await many.start(0);
    await many.fill();
    await many.stop();
    const rounds = new Map<number, Round[]>([
      [0, []],
      [MANY, []],
    ]);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [daemon, count] of [
        [none, 0],
        [many, MANY],
      ] as const) {
        rounds.get(count)!.push(await daemon.start(count));
        await daemon.stop();
      }
    }
    const table = [...rounds].map(([containers, all]) => ({
      containers,
      answers: Math.round(median(all.map(({ answers }) => answers))),
      lists: Math.round(median(all.map(({ lists }) => lists))),
    }));
    console.table(table);
    console.log(JSON.stringify({ bench: 'daemon-start', rounds: ROUNDS, table }));
  } finally {
    await many.stop();
    await many.start(MANY).catch(() => {});
    await many.empty();
    for (const daemon of [none, many]) await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
