/** Containers' files over HTTP. */
import { EngineError } from '../base/errors.ts';
import type { Containers } from '../engine/containers-contract.ts';
import type { FilesystemChange, PathStat } from '../engine/types/container-answers.ts';
import { containerPath } from './containers.ts';
import type { HttpCall, HttpClient } from './http.ts';

export type FilesClient = Pick<Containers, 'statArchive' | 'getArchive' | 'putArchive' | 'changes' | 'export' | 'commit'>;

const TAR = 'application/x-tar';

export function filesClient(http: HttpClient): FilesClient {
  const archive = (method: 'GET' | 'HEAD', name: string, path: string) => http.send({ method, path: containerPath(name, '/archive'), query: { path } });
  return {
    statArchive: async (name, path) => {
      // what is wrong is said to a GET only: the answer to a HEAD has no words
      const answer = await archive('HEAD', name, path).catch(() => archive('GET', name, path));
      answer.discard();
      return statOf(answer.headers['x-docker-container-path-stat']);
    },
    getArchive: async (name, path) => {
      const answer = await archive('GET', name, path);
      return { stat: statOf(answer.headers['x-docker-container-path-stat']), body: answer.body };
    },
    putArchive: async (name, path, tar, { noOverwriteDirNonDir, copyUIDGID } = {}) => {
      const query = { path, noOverwriteDirNonDir: noOverwriteDirNonDir || undefined, copyUIDGID: copyUIDGID || undefined };
      await http.status({ method: 'PUT', path: containerPath(name, '/archive'), query, body: { type: TAR, bytes: tar } });
    },
    changes: async (name) => (await http.json<readonly FilesystemChange[] | null>({ method: 'GET', path: containerPath(name, '/changes') })) ?? [],
    export: (name) => exported(http, name),
    commit: async (name, { repo, tag, comment, author, pause, changes, config } = {}) => {
      const query: HttpCall['query'] = { container: name, repo, tag, comment, author, pause, changes };
      return http.json<{ readonly Id: string }>({ method: 'POST', path: '/commit', query, ...(config === undefined ? {} : { json: config }) });
    },
  };
}

async function* exported(http: HttpClient, name: string): AsyncGenerator<Buffer> {
  const { body } = await http.send({ method: 'GET', path: containerPath(name, '/export') });
  yield* body;
}

function statOf(header: string | readonly string[] | undefined): PathStat {
  try {
    return JSON.parse(Buffer.from(String(header), 'base64').toString()) as PathStat;
  } catch (error) {
    throw new EngineError('internal', 'the daemon does not say what is at the path', { cause: error });
  }
}
