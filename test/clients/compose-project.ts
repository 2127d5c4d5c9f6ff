/** The application of compose-app/ as one project of `docker compose` on an engine. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { projectDir } from '../support/paths.ts';
import type { RunResult } from '../support/run.ts';
import { until } from '../support/monitored.ts';
import { type AppsGround, freePort } from './apps-ground.ts';

export interface ComposePs {
  readonly Name: string;
  readonly Service: string;
  readonly State: string;
  readonly Health: string;
  readonly ExitCode: number;
  readonly Publishers: readonly { readonly URL: string; readonly TargetPort: number; readonly PublishedPort: number; readonly Protocol: string }[] | null;
}

/** A command that goes on until it is ended. */
export interface Following {
  /** What it has said. */
  text(): string;
  /** Resolves once that has `wanted`; does `meanwhile` again and again until then. */
  shows(wanted: RegExp, meanwhile?: () => Promise<unknown>): Promise<void>;
  end(): Promise<void>;
}

export const jsonLines = <T>(text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);

export class ComposeProject {
  readonly ground: AppsGround;
  readonly name: string;
  readonly folder: string;
  /** The first three numbers of the network `back`: another for each process, since several may run on one machine. */
  readonly back = `10.213.${process.pid % 256}`;
  readonly #env: NodeJS.ProcessEnv;
  readonly #base: string;

  private constructor(ground: AppsGround, name: string, port: number) {
    this.ground = ground;
    this.name = name;
    this.folder = `${ground.folder}/${name}`;
    this.#env = { ...ground.env, PROJECT: name, PROXY_PORT: String(port), BACK: this.back };
    this.#base = `http://${ground.address}:${port}`;
  }

  static async create(ground: AppsGround, name: string): Promise<ComposeProject> {
    const project = new ComposeProject(ground, name, await freePort());
    cpSync(`${projectDir}/test/clients/compose-app`, project.folder, { recursive: true });
    return project;
  }

  /** `docker compose ARGS`, whatever comes of it. */
  run(args: readonly string[], more: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {}): Promise<RunResult> {
    const { env, ...rest } = more;
    return this.ground.docker(this.#args(args), { cwd: this.folder, env: { ...this.#env, ...env }, ...rest });
  }

  /** `docker compose ARGS`, which is to succeed; what it prints. */
  async ok(args: readonly string[], more: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, more);
    if (code !== 0) {
      const state = `${(await this.run(['ps', '-a'])).stdout}${(await this.run(['logs', '--tail', '10'])).stdout}`;
      assert.fail(`docker compose ${args.join(' ')}: ${stdout}${stderr}\n${state}`);
    }
    return stdout.trimEnd();
  }

  /** `docker ARGS`, which is to succeed. */
  async docker(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.ground.docker(args);
    assert.equal(code, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  }

  async ps(...args: string[]): Promise<ComposePs[]> {
    return jsonLines<ComposePs>(await this.ok(['ps', '--format', 'json', ...args]));
  }

  /** A service's containers' ids. */
  async ids(service: string): Promise<string[]> {
    return (await this.ok(['ps', '-aq', '--no-trunc', service])).split('\n').filter(Boolean).toSorted();
  }

  /** A service's containers' names. */
  async names(service: string): Promise<string[]> {
    return (await this.ps('-a', service)).map(({ Name }) => Name).toSorted();
  }

  follow(args: readonly string[]): Following {
    const child = spawn(this.ground.program, this.#args(args), { cwd: this.folder, env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const ended = once(child, 'close');
    return {
      text: () => text,
      shows: (wanted, meanwhile) =>
        until(`${String(wanted)} in: docker compose ${args.join(' ')}`, async () => {
          assert.equal(child.exitCode, null, `docker compose ${args.join(' ')} ended: ${text}`);
          await meanwhile?.();
          return wanted.test(text);
        }),
      end: async () => {
        child.kill('SIGINT');
        await ended;
      },
    };
  }

  /** What nginx answers, for the web server behind it; undefined for an error or no answer within two seconds. */
  async get<T>(path: string, base = this.#base): Promise<T | undefined> {
    const options = { headers: { connection: 'close' }, signal: AbortSignal.timeout(2000) };
    const response = await fetch(`${base}${path}`, options).catch(() => undefined);
    if (response?.ok !== true) {
      await response?.body?.cancel();
      return undefined;
    }
    return (await response.json().catch(() => undefined)) as T | undefined;
  }

  /** One visit; it is answered. */
  async visit(): Promise<{ host: string; hits: number; greeting: string }> {
    const answer = await this.get<{ host: string; hits: number; greeting: string }>('/');
    assert.ok(answer, 'nginx gave no answer of a web server');
    return answer;
  }

  /** What the caches count and the database keeps. */
  async visits(): Promise<{ hits: number; rows: number }> {
    const answer = await this.get<{ hits: number; rows: number }>('/visits');
    assert.ok(answer, 'nginx gave no answer of a web server');
    return answer;
  }

  /** The web servers that answered until `count` different ones had. */
  async hosts(count: number): Promise<string[]> {
    const seen = new Set<string>();
    await until(`${count} web servers answer`, async () => {
      const host = (await this.get<{ host: string }>('/message'))?.host;
      return host !== undefined && seen.add(host).size >= count;
    });
    return [...seen].toSorted();
  }

  #args(args: readonly string[]): string[] {
    return ['compose', '--ansi', 'never', '--progress', 'plain', ...args];
  }
}
