/** Further processes in running containers, over HTTP. */
import type { Attached, ExecCreate, Execs, ExecStart } from '../engine/containers-contract.ts';
import type { ExecInspect } from '../engine/types/container-answers.ts';
import { containerPath } from './containers.ts';
import { path, type HttpClient } from './http.ts';
import { streamOf } from './streams.ts';

export class ExecClient implements Execs {
  readonly #http: HttpClient;
  /** Whether those that were made here and not started yet have a terminal: the daemon wants to hear it again. */
  readonly #terminals = new Map<string, boolean>();

  constructor(http: HttpClient) {
    this.#http = http;
  }

  async create(container: string, body: ExecCreate): Promise<{ readonly Id: string }> {
    const made = await this.#http.json<{ Id: string }>({ method: 'POST', path: containerPath(container, '/exec'), json: body });
    this.#terminals.set(made.Id, body.Tty ?? false);
    return { Id: made.Id };
  }

  async start(exec: string, { detach = false, consoleSize, opened }: ExecStart = {}): Promise<Attached | undefined> {
    const tty = this.#terminals.get(exec) ?? (await this.inspect(exec)).ProcessConfig.tty;
    this.#terminals.delete(exec);
    const json = { Detach: detach, Tty: tty, ...(tty && consoleSize !== undefined ? { ConsoleSize: consoleSize } : {}) };
    const call = { method: 'POST', path: path`/exec/${exec}/start`, json } as const;
    if (!detach) {
      const attached = await streamOf(this.#http, await this.#http.hijack(call), async () => tty);
      opened?.(attached);
      return attached;
    }
    await this.#http.status(call);
    return undefined;
  }

  async resize(exec: string, rows: number, cols: number): Promise<void> {
    await this.#http.status({ method: 'POST', path: path`/exec/${exec}/resize`, query: { h: rows, w: cols } });
  }

  async inspect(exec: string): Promise<ExecInspect> {
    return this.#http.json({ method: 'GET', path: path`/exec/${exec}/json` });
  }
}
