/** `# syntax=`: Dockerfiles are read by this engine itself, and no image is fetched to do so. */
import { EngineError } from '../base/errors.ts';
import type { SourceFile } from '../build/contract.ts';
import { leadingDirectives } from '../build/dockerfile/directives.ts';
import { parseReference } from '../image/reference.ts';
import { failure, rangesOf } from './build-failure.ts';

/** What other versions of the same language are. */
const OURS = new Set(['docker/dockerfile', 'docker/dockerfile-upstream']);

/**
 * Throws `unavailable`, with the line, where the text is in another language than that of Docker's own frontends, of
 * whatever version. `given`: what the client says of it (`BUILDKIT_SYNTAX`), which counts instead.
 */
export function checkFrontend(text: string, source: SourceFile, given: string | undefined): void {
  const syntax = given || leadingDirectives(text).get('syntax') || '';
  const [name = ''] = syntax.split(/\s+/);
  if (name === '' || isOurs(name)) return;
  const line = given ? 0 : text.split('\n').findIndex((each) => /^\s*\uFEFF?#\s*syntax\s*=/i.test(each)) + 1;
  const error = new EngineError(
    'unavailable',
    `the frontend image ${name} is not supported: Dockerfiles are read by this engine itself, as docker/dockerfile does`,
  );
  throw line === 0 ? error : failure(error, error.message, source, rangesOf([{ start: line, end: line }]));
}

function isOurs(name: string): boolean {
  try {
    const { domain, path } = parseReference(name);
    return domain === 'docker.io' && OURS.has(path);
  } catch {
    return false;
  }
}
