/** Content by its hash, as the OCI image specification names it ("Digests", descriptor.md). */
import { invalid } from './errors.ts';

/** `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}`;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** Checks what came from outside. Throws `invalid` for another algorithm, or for what is no digest at all. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  const algorithm = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):/.exec(text)?.[1];
  if (algorithm !== undefined && algorithm !== 'sha256') throw invalid(`digest ${JSON.stringify(text)}: the algorithm ${algorithm} is not supported`);
  throw invalid(`invalid checksum digest format: ${JSON.stringify(text)}`);
}

/** The hexadecimal digits: safe as a file name, also where a document from elsewhere was taken for one that had been checked. Throws `invalid`. */
export function digestHex(digest: Digest): string {
  return parseDigest(digest).slice(7);
}
