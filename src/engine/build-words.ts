/** What went wrong with a step, in the words of the builder that the client asked for: BuildKit's, or the older one's. */
import { posix } from 'node:path';
import { EngineError } from '../base/errors.ts';
import type { CopyStep, RunStep, Step } from '../build/dockerfile/plan.ts';
import type { Reference } from '../image/contract.ts';
import { familiarReference, parseReference, repositoryName, withDefaultTag } from '../image/reference.ts';
import { absolute } from '../build/dockerfile/paths.ts';

/** `classic`: the older builder. The error itself where its words are right already. */
export function inBuildersWords(error: unknown, step: Step, classic: boolean): unknown {
  if (!(error instanceof EngineError)) return error;
  const { kind, message, detail, hint } = error;
  const text = classic ? classicText(error, step) : step.kind === 'run' ? runText(message, step) : undefined;
  if (text === undefined) return error;
  return new EngineError(kind, text, { cause: error, ...(detail === undefined ? {} : { detail }), ...(hint === undefined ? {} : { hint }) });
}

function runText(message: string, { argv }: RunStep): string | undefined {
  if (!/^unable to find (user|group) /i.test(message)) return undefined;
  return `process ${JSON.stringify(argv.join(' '))} did not complete successfully: ${message}`;
}

function classicText({ message, detail }: EngineError, step: Step): string | undefined {
  if (step.kind === 'workdir') {
    const path = /^mkdir (.*): not a directory$/.exec(message)?.[1];
    return path === undefined ? undefined : `Cannot mkdir: ${path} is not a directory`;
  }
  if (step.kind !== 'copy') return undefined;
  const { missing, answer } = (detail ?? {}) as { readonly missing?: string; readonly answer?: string };
  const failed = `${step.add ? 'ADD' : 'COPY'} failed:`;
  if (answer !== undefined) return `${failed} failed to GET ${answer}`;
  if (missing !== undefined) return `${failed} ${notFound(missing, step)}`;
  const file = /^cannot copy to non-directory: (.*)$/.exec(message)?.[1];
  if (file !== undefined) return `failed to copy files: failed to copy directory: mkdir ${file}: not a directory`;
  return message.startsWith('invalid entry name ') ? `failed to copy files: ${message}` : undefined;
}

/** Of a path below the context: the older builder knows no way out of it, and says how it was written. */
function notFound(path: string, { history }: CopyStep): string {
  const words = history.flatMap(({ created_by: by }) => by.split(' '));
  const written = words.find((word) => posix.normalize(word).startsWith('../') && absolute('/', word) === path);
  if (written !== undefined) return `forbidden path outside the build context: ${written} ()`;
  return `file not found in build context or excluded by .dockerignore: stat ${path.replace(/^\/+/, '')}: file does not exist`;
}

/** What is wrong with a Dockerfile, as the older builder says it. `unreadable`: it is none. */
export function classicFileText(message: string, unreadable: boolean): string {
  const protocol = /^invalid port: .*: invalid proto: (.*)$/.exec(message)?.[1];
  if (protocol !== undefined) return `Invalid proto: ${protocol}`;
  const port = /^invalid (containerPort: .*)$/.exec(message)?.[1];
  if (port !== undefined) return `Invalid ${port}`;
  const reference = /^failed to parse stage name ".*": (invalid reference format.*)$/.exec(message)?.[1];
  if (reference !== undefined) return reference;
  const own = message.startsWith('dockerfile parse error') || message === 'no build stage in current context';
  return unreadable && !own ? `failed to parse Dockerfile: ${message}` : message;
}

/** As BuildKit shows it: `docker.io/library/busybox:latest`. */
export function shownName(name: string): string {
  const reference = referenceOf(name);
  if (reference === undefined) return name;
  return reference.tag === undefined ? familiarReference(reference) : `${repositoryName(reference)}:${reference.tag}`;
}

/** Why an image is not known, as BuildKit says it: it asks for the manifest at once, not for the registry before that. */
export function metadataText(name: string, message: string): string {
  const reference = referenceOf(name);
  const [, registry, rest] = /^Get "(https?:\/\/[^/"]+)\/v2\/": (dial tcp.*)$/s.exec(message) ?? [];
  const manifest = `${registry}/v2/${reference?.path}/manifests/${reference?.digest ?? reference?.tag}`;
  const text = registry === undefined || reference === undefined ? message : `failed to do request: Head ${JSON.stringify(manifest)}: ${rest}`;
  return `${name}: failed to resolve source metadata for ${shownName(name)}: ${text}`;
}

function referenceOf(name: string): Reference | undefined {
  try {
    return withDefaultTag(parseReference(name));
  } catch {
    return undefined;
  }
}
