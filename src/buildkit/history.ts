/** Builds that have been, or are, as `buildx history` lists them. They are remembered as long as the daemon runs. */
import { withoutCredentials } from '../base/url-credentials.ts';
import type { VertexEvent } from '../build/contract.ts';
import type { Attributes } from './attributes.ts';
import { failureOf } from './failure.ts';
import { CODES, GrpcError } from './grpc-status.ts';
import type { Job, Jobs } from './job.ts';
import { timestamp, type Message } from './messages.ts';

const STARTED = 0;
const COMPLETE = 1;
/** Milliseconds between two looks for builds that have come or gone. */
const LOOK_MS = 250;

/** Events of the builds that are asked for; without `EarlyExit` also of those to come, until the client goes. */
export async function* historyEvents(jobs: Jobs, request: Message, signal: AbortSignal): AsyncGenerator<object> {
  const ref = request['Ref'] as string;
  const active = request['ActiveOnly'] as boolean;
  const early = request['EarlyExit'] as boolean;
  const told = new Map<string, number>();
  for (;;) {
    for (const job of listed(jobs, ref)) {
      const type = job.completedAt === undefined ? STARTED : COMPLETE;
      if (told.get(job.ref) === type || (active && type === COMPLETE && !told.has(job.ref))) continue;
      told.set(job.ref, type);
      yield { type, record: recordOf(job) };
    }
    if (early && ref !== '' && told.size === 0 && !active) throw new GrpcError(CODES.NOT_FOUND, `no such build record ${ref}`);
    if (early || signal.aborted) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    if (signal.aborted) return;
  }
}

function listed(jobs: Jobs, ref: string): readonly Job[] {
  const own = jobs.all.filter((job) => job.solving && job.request['Internal'] !== true);
  return ref === '' ? own : own.filter((job) => job.ref === ref);
}

function recordOf(job: Job): object {
  const { request } = job;
  const vertices = new Map<string, VertexEvent>();
  let warnings = 0;
  for (const event of job.events) {
    if (event.kind === 'vertex') vertices.set(event.digest, event);
    if (event.kind === 'warning') warnings++;
  }
  const steps = [...vertices.values()];
  return {
    Ref: job.ref,
    Frontend: request['Frontend'],
    FrontendAttrs: withoutSecrets(request['FrontendAttrs'] as Attributes),
    Exporters: request['Exporters'],
    error: job.error === undefined ? undefined : { code: failureOf(job.error).code, message: failureOf(job.error).message },
    CreatedAt: timestamp(job.createdAt),
    CompletedAt: timestamp(job.completedAt),
    ExporterResponse: job.response,
    ...resultOf(job),
    Generation: 1,
    numCachedSteps: steps.filter((step) => step.cached === true).length,
    numTotalSteps: steps.length,
    numCompletedSteps: steps.filter((step) => step.completed !== undefined).length,
    numWarnings: warnings,
  };
}

/** Its document is in the daemon's content store. */
function resultOf({ attestation }: Job): object {
  if (attestation === undefined) return {};
  const { type, digest, bytes } = attestation;
  const annotations = { 'in-toto.io/predicate-type': type };
  return { Result: { Attestations: [{ media_type: 'application/vnd.in-toto+json', digest, size: bytes.length, annotations }] } };
}

/** URLs may have names and passwords in them. */
function withoutSecrets(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, withoutCredentials(value)]));
}
