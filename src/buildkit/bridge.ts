/** BuildKit's LLBBridge service: the calls within a build. A client names the build in a header. */
import { EngineError } from '../base/errors.ts';
import type { Attributes } from './attributes.ts';
import type { Handlers, ServerCall } from './grpc-server.ts';
import type { Job } from './job.ts';
import type { Solver } from './solver.ts';
import type { Worker } from './worker.ts';

const BUILD = 'buildkit-controlapi-buildid';

/** What a frontend may ask, by BuildKit's names of its abilities. */
const FRONTEND_CAPS = [
  'solve.base',
  'returnmap',
  'return',
  'proto.refarray',
  'reference.output',
  'frontend.inputs',
  'frontend.caps',
  'importcaches',
  'gateway.solve.metadata',
  'gateway.evaluate',
  'gateway.solve.evaluate',
];

/** What definitions may have in them, of those that clients look for. */
const LLB_CAPS = [
  'source.image',
  'source.local',
  'source.local.sessionid',
  'source.git',
  'source.http',
  'constraints',
  'exec.meta.base',
  'exec.meta.network',
  'exec.meta.security',
  'exec.meta.ulimit',
  'exec.meta.cgroup.parent',
  'exec.mount.bind',
  'exec.mount.cache',
  'exec.mount.cache.sharing',
  'exec.mount.tmpfs',
  'exec.mount.tmpfs.size',
  'exec.mount.secret',
  'exec.mount.ssh',
  'exec.secretenv',
  'file.base',
  'exporter.image.attestations',
  'exporter.multiple',
  'gc.freespacefilter',
  'meta.description',
  'platform',
];

export function bridgeHandlers(solver: Solver, worker: () => Promise<Worker>): Handlers {
  const jobOf = (call: ServerCall): Promise<Job> => solver.jobs.begun(refOf(call), call.signal);
  return {
    unary: {
      Ping: async (_request, call) => {
        refOf(call);
        return { FrontendAPICaps: FRONTEND_CAPS.map(enabled), LLBCaps: LLB_CAPS.map(enabled), Workers: [await worker()] };
      },
      Solve: async (request, call) => {
        const job = await jobOf(call);
        const result = solver.frontend(job, request);
        const ref = result['ref'] as { readonly id: string } | undefined;
        const attributes = request['FrontendOpt'] as Attributes;
        if (ref !== undefined && attributes['requestid']) {
          return { result: { ref: {}, metadata: await solver.subrequest(job, ref.id, attributes, call.signal) } };
        }
        if (request['Evaluate'] === true && ref !== undefined) await solver.evaluate(job, ref.id, call.signal);
        return { result: ref === undefined ? { ref: {} } : result };
      },
      Evaluate: async (request, call) => {
        await solver.evaluate(await jobOf(call), request['Ref'] as string, call.signal);
        return {};
      },
      Return: async (request, call) => {
        (await jobOf(call)).return(request);
        return {};
      },
      Inputs: () => ({ Definitions: {} }),
    },
  };
}

function refOf({ headers }: ServerCall): string {
  const ref = headers[BUILD] ?? '';
  if (ref === '') throw new EngineError('invalid', 'no build id');
  return ref;
}

function enabled(id: string): object {
  return { ID: id, Enabled: true };
}
