/** `POST /kobako/builds`: builds for clients elsewhere, with all that the engine's own interface has (`src/engine/types/remote-build.ts`). */
import { EngineError } from '../../base/errors.ts';
import type { Builds } from '../../engine/builds-contract.ts';
import type { RemoteBuild, RemoteFailure, RemoteReport } from '../../engine/types/remote-build.ts';
import type { Route } from '../contract.ts';
import type { ClientAnswers } from './client-answers.ts';
import { decodeRemoteBuild, remoteRequest } from './remote-build.ts';

/** `run`: a folder for sockets, with a short path; it is made when it is needed. */
export function remoteBuildRoutes(run: string): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/kobako/builds',
      hijack: true,
      handler: async (request, { builds }) => {
        const document = decodeRemoteBuild(await request.json());
        // HTTP/2 is loaded when the first one comes: the daemon starts no slower for it
        const { ClientAnswers: Answers } = await import('./client-answers.ts');
        const client = new Answers(request.hijack());
        try {
          await build(client, document, builds, run);
        } finally {
          client.close();
        }
      },
    },
  ];
}

async function build(client: ClientAnswers, document: RemoteBuild, builds: Builds, run: string): Promise<void> {
  const report = client.report();
  const signal = AbortSignal.any([client.closed, report.refused]);
  const work = async (): Promise<RemoteReport> => {
    const request = remoteRequest(document, { client, run, onEvent: (event) => report.say({ event }), signal });
    if (document.describe !== '') return { description: await builds.describe(request, document.describe) };
    const { provenance, ...result } = await builds.build(request);
    return { result: { ...result, provenance: provenance?.() } };
  };
  await report.end(await work().catch((error: unknown) => ({ failure: failureOf(error) })));
}

function failureOf(error: unknown): RemoteFailure {
  if (!(error instanceof EngineError)) return { kind: 'internal', message: (error as Error).message };
  const { kind, message, hint, detail } = error;
  return { kind, message, hint, detail };
}
