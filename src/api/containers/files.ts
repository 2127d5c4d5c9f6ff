/** Containers' files: in and out as tar, what has changed, and images of them. */
import { invalid } from '../../base/errors.ts';
import type { PathStat } from '../../engine/types/container-answers.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { jsonText } from '../json.ts';
import { decodeContainerConfig } from './create-body.ts';

const STAT = 'X-Docker-Container-Path-Stat';
const TAR = 'application/x-tar';

const id = ({ params }: ApiRequest) => params['id']!;

export const fileRoutes: readonly Route[] = [
  {
    method: 'HEAD',
    path: '/containers/{id}/archive',
    handler: async (request, { containers }) => {
      const stat = await containers.statArchive(id(request), pathOf(request));
      request.stream({ type: TAR, headers: { [STAT]: headerOf(stat) } }).end();
    },
  },
  {
    method: 'GET',
    path: '/containers/{id}/archive',
    handler: async (request, { containers }) => {
      const { stat, body } = await containers.getArchive(id(request), pathOf(request));
      await sendTar(request, body, TAR, { [STAT]: headerOf(stat) });
    },
  },
  {
    method: 'PUT',
    path: '/containers/{id}/archive',
    handler: async (request, { containers }) => {
      const { query } = request;
      const options = { noOverwriteDirNonDir: query.flag('noOverwriteDirNonDir'), copyUIDGID: query.flag('copyUIDGID') };
      await containers.putArchive(id(request), pathOf(request), request.body, options);
      request.end(200);
    },
  },
  {
    method: 'GET',
    path: '/containers/{id}/changes',
    handler: async (request, { containers }) => {
      const changes = await containers.changes(id(request));
      request.send(changes.length === 0 ? null : changes);
    },
  },
  {
    method: 'GET',
    path: '/containers/{id}/export',
    handler: (request, { containers }) => sendTar(request, containers.export(id(request)), 'application/octet-stream'),
  },
  {
    method: 'POST',
    path: '/commit',
    handler: async (request, { containers }) => {
      const { query } = request;
      const container = query.text('container') ?? '';
      if (container === '') throw invalid('invalid name or ID supplied: ""');
      const body = await request.json();
      const options = {
        repo: query.text('repo'),
        tag: query.text('tag'),
        comment: query.text('comment'),
        author: query.text('author'),
        pause: query.flag('pause', true),
        changes: query.list('changes').flatMap(instructions),
        ...(body === undefined ? {} : { config: decodeContainerConfig(body) }),
      };
      request.send(await containers.commit(container, options), 201);
    },
  },
];

function pathOf({ query }: ApiRequest): string {
  const path = query.text('path') ?? '';
  if (path === '') throw invalid('bad parameter: pathcannot be empty'); // dockerd's words, to the letter
  return path;
}

function headerOf(stat: PathStat): string {
  return Buffer.from(jsonText(stat)).toString('base64');
}

/** One a line, as a Dockerfile. */
function instructions(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

async function sendTar(request: ApiRequest, tar: AsyncIterable<Buffer>, type: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const pieces = tar[Symbol.asyncIterator]();
  try {
    // what is wrong with the container or the path is an answer of its own
    let next = await pieces.next();
    const out = request.stream({ type, headers });
    for (; next.done !== true; next = await pieces.next()) await out.write(next.value);
    out.end();
  } finally {
    await pieces.return?.();
  }
}
