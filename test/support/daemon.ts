/** A daemon of a test's own: `kobako daemon` on folders that go with the test. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/network-contract.ts';
import { ApiClient } from './api-client.ts';
import { projectDir } from './paths.ts';
import { runOk } from './run.ts';
import { busyboxRootfs } from './rootfs.ts';
import { tempFor } from './temp.ts';

export class TestDaemon {
  readonly folder: string;
  readonly socket: string;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #args: readonly string[];
  readonly #host: NetworkNamespace | undefined;
  #child: ChildProcess | undefined;
  #client: ApiClient | undefined;

  /** `host`: the network namespace that it lives in, as if it were a machine of its own. */
  constructor(folder: string, args: readonly string[], host?: NetworkNamespace) {
    this.folder = folder;
    this.#host = host;
    this.socket = `${folder}/k.sock`;
    this.dataRoot = `${folder}/data`;
    this.execRoot = `${folder}/exec`;
    this.env = { ...process.env, DOCKER_HOST: this.host, KOBAKO_STATE_DIR: this.execRoot, KOBAKO_DATA_ROOT: this.dataRoot };
    this.#args = ['daemon', '--config-file', `${folder}/daemon.json`, '--data-root', this.dataRoot, '--exec-root', this.execRoot, '-H', this.host, ...args];
  }

  get host(): string {
    return `unix://${this.socket}`;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** What it has said. */
  log(): string {
    return existsSync(`${this.folder}/log`) ? readFileSync(`${this.folder}/log`, 'utf8') : '';
  }

  get api(): ApiClient {
    return (this.#client ??= new ApiClient(this.socket));
  }

  /** Resolves when clients are answered. */
  async start(): Promise<void> {
    if (!existsSync(`${this.folder}/daemon.json`)) writeFileSync(`${this.folder}/daemon.json`, '{}');
    const log = openSync(`${this.folder}/log`, 'a');
    const launch = () => spawn(`${projectDir}/bin/kobako`, this.#args, { stdio: ['ignore', log, log], env: { ...process.env, DOCKER_CONFIG: this.folder } });
    this.#child = this.#host === undefined ? launch() : this.#host.within(launch);
    closeSync(log);
    for (const end = Date.now() + 20_000; !(await answers(this.socket)); await new Promise((resolve) => setTimeout(resolve, 10))) {
      assert.ok(this.#child.exitCode === null && Date.now() < end, `the daemon did not start: ${this.log()}`);
    }
  }

  /** Gives the exit code, or the signal. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals | null> {
    this.#client?.[Symbol.dispose]();
    this.#client = undefined;
    const child = this.#child;
    if (child === undefined) return null;
    this.#child = undefined;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    child.kill(signal);
    const [code, by] = await ended;
    return code ?? by;
  }

  /** Imports the busybox root file system as an image. */
  async importBusybox(name = 'busybox'): Promise<void> {
    await runOk('tar', ['-C', await busyboxRootfs(), '-cf', `${this.folder}/busybox.tar`, '.']);
    const body = readFileSync(`${this.folder}/busybox.tar`);
    const answer = await this.api.ask('POST', `/v1.51/images/create?fromSrc=-&repo=${name}`, { body, headers: { 'Content-Type': 'application/x-tar' } });
    assert.equal(answer.status, 200, answer.text);
  }

  /** Gives the id. */
  async create(body: object, name?: string): Promise<string> {
    const created = await this.api.post(`/v1.51/containers/create${name === undefined ? '' : `?name=${name}`}`, { Image: 'busybox', ...body });
    assert.equal(created.status, 201, created.text);
    return (created.json as { Id: string }).Id;
  }

  /** Creates and starts; gives the id. */
  async run(body: object, name?: string): Promise<string> {
    const id = await this.create(body, name);
    const started = await this.api.post(`/v1.51/containers/${id}/start`);
    assert.equal(started.status, 204, started.text);
    return id;
  }
}

/** Started, with a busybox image; all its containers go with the test. */
export async function daemonFor(t: { after(hook: () => unknown): void }, args: readonly string[] = [], host?: NetworkNamespace): Promise<TestDaemon> {
  // before tempFor's: hooks run in the order in which they were added
  t.after(() => end());
  const daemon = new TestDaemon(tempFor(t as { after(hook: () => void): void }), args, host);
  const end = async () => {
    await daemon.stop('SIGKILL');
    writeFileSync(`${daemon.folder}/daemon.json`, '{}');
    const cleaner = new TestDaemon(daemon.folder, [], host);
    await cleaner.start();
    const { json } = await cleaner.api.get('/v1.51/containers/json?all=1', { checked: false });
    for (const { Id } of json as { Id: string }[]) await cleaner.api.delete(`/v1.51/containers/${Id}?force=1`, { checked: false });
    await cleaner.stop();
  };
  await daemon.start();
  await daemon.importBusybox();
  return daemon;
}

/** One for all tests of a file, which awaits it before it declares them. */
export function daemonForAll(args: readonly string[] = []): Promise<TestDaemon> {
  const hooks: (() => unknown)[] = [];
  after(async () => {
    for (const hook of hooks) await hook();
  });
  return daemonFor({ after: (hook) => void hooks.push(hook) }, args);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => socket.end()).once('close', (failed) => resolve(!failed));
    socket.once('error', () => {});
  });
}
