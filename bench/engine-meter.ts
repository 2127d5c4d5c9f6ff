/** A socket before an engine's, which tells how long the engine worked: what is left of a client's time is its own. */
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';

export interface EngineMeter {
  /** DOCKER_HOST for the client. */
  readonly host: string;
  /** Milliseconds so far in which at least one request waited for the end of its answer; of several at once, once. */
  busy(): number;
  end(): Promise<void>;
}

/** Listens at `path` for requests to the engine at `socketPath`, of which none changes to another protocol (`attach`, `exec`). */
export async function meterEngine(path: string, socketPath: string): Promise<EngineMeter> {
  const agent = new Agent({ keepAlive: true });
  let [total, since, open] = [0, 0, 0];
  const begin = () => {
    if (open++ === 0) since = performance.now();
  };
  const finish = () => {
    if (--open === 0) total += performance.now() - since;
  };
  const server = createServer((asked, answer) => {
    begin();
    const { method, url, headers } = asked;
    const out = request({ socketPath, agent, method, path: url, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers).flushHeaders();
      response.pipe(answer);
    });
    out.on('error', () => answer.destroy());
    out.on('close', finish);
    asked.pipe(out);
  });
  await once(server.listen(path), 'listening');
  const end = async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    agent.destroy();
    await closed;
  };
  return { host: `unix://${path}`, busy: () => total, end };
}
