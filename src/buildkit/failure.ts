/** Failures as BuildKit tells of them: clients quote the lines of the Dockerfile that come with them. */
import { EngineError } from '../base/errors.ts';
import type { BuildFailureDetail } from '../build/contract.ts';
import { codeOf } from './grpc-status.ts';
import { codec } from './messages.ts';

export interface Failure {
  readonly code: number;
  readonly message: string;
  /** A google.rpc.Status with the details, encoded; undefined where there are none. */
  readonly status: Buffer | undefined;
}

/** What a call of this failed build answers. */
export function failureOf(error: unknown): Failure {
  const code = codeOf(error);
  // half a character, where a long text was cut, cannot be sent
  const message = (error instanceof Error ? error.message : String(error)).toWellFormed();
  const details = detailsOf(error);
  if (details.length === 0) return { code, message, status: undefined };
  return { code, message, status: codec('google.RpcStatus').encode({ code, message, details }) };
}

function detailsOf(error: unknown): object[] {
  if (!(error instanceof EngineError) || typeof error.detail !== 'object' || error.detail === null) return [];
  const { source, ranges = [], more = [], vertex, exitCode } = error.detail as BuildFailureDetail;
  const details: object[] = [];
  if (source !== undefined) {
    const info = { filename: source.filename, data: source.data.toString('base64'), language: 'Dockerfile' };
    for (const each of [ranges, ...more]) details.push(detail('errdefs.Source', { info, ranges: each }));
  }
  if (vertex !== undefined) details.push(detail('errdefs.Vertex', { digest: vertex }));
  if (exitCode !== undefined) details.push(detail('gatewayapi.ExitMessage', { Code: exitCode }));
  return details;
}

/** BuildKit's details are JSON in a protobuf's coat. */
function detail(type: string, value: object): object {
  return { type_url: `github.com/moby/buildkit/${type}+json`, value: Buffer.from(JSON.stringify(value)) };
}
