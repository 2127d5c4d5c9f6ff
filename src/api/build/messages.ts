/** A build as clients of the older builder read it: `{"stream": "Step 1/5 : FROM busybox"}` and so on. */
import { EngineError } from '../../base/errors.ts';
import type { BuildEvent, BuildFailureDetail, BuildResult } from '../../engine/builds-contract.ts';
import type { JsonMessage } from '../../engine/types/image.ts';

const RED = '\u001b[91m';
const PLAIN = '\u001b[0m';

/** The lines of one event. */
export function classicLines(event: BuildEvent): JsonMessage[] {
  switch (event.kind) {
    case 'step':
      return [{ stream: `Step ${event.number}/${event.total} : ${event.text}` }, { stream: '\n' }];
    case 'stepped':
      return [...(event.cached ? [{ stream: ' ---> Using cache\n' }] : []), { stream: ` ---> ${shortId(event.id)}\n` }];
    case 'log': {
      const text = event.data.toString();
      return [{ stream: event.stream === 1 ? text : `${RED}${text}${PLAIN}` }];
    }
    case 'warning':
      return [{ stream: `[Warning] ${event.short}\n` }];
    default:
      return [];
  }
}

/** What comes at the end. `names` are familiar ones. */
export function resultLines({ imageId, warnings }: BuildResult, names: readonly string[], quiet: boolean): JsonMessage[] {
  const id = imageId ?? '';
  if (quiet) return [{ stream: `${id}\n` }];
  return [
    { aux: { ID: id } },
    ...warnings.map((warning) => ({ stream: `${warning}\n` })),
    { stream: `Successfully built ${shortId(id)}\n` },
    ...names.map((name) => ({ stream: `Successfully tagged ${name}\n` })),
  ];
}

/** In the older builder's words. */
export function classicError(error: unknown): JsonMessage {
  const message = error instanceof Error ? error.message : String(error);
  const { command, exitCode, notStarted } = (error instanceof EngineError ? (error.detail as BuildFailureDetail | undefined) : undefined) ?? {};
  if (notStarted !== undefined) {
    const text = `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ${notStarted}`;
    return { errorDetail: { message: text }, error: text };
  }
  if (command === undefined || exitCode === undefined) return { errorDetail: { message }, error: message };
  const text = `The command '${command}' returned a non-zero code: ${exitCode}`;
  return { errorDetail: { code: exitCode, message: text }, error: text };
}

/** Whether the older builder would have begun by then: its answer is then a stream with the error in it. */
export function isBegun(error: unknown): boolean {
  const detail = error instanceof EngineError ? (error.detail as BuildFailureDetail | undefined) : undefined;
  return detail?.source !== undefined && detail.unreadable !== true;
}

function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}
