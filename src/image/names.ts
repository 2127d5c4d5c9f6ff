/** Names as the store keeps them: references in full, as text. */
import type { Digest } from '../base/digest.ts';
import type { Reference } from './contract.ts';
import { familiarReference, formatReference, parseReference, repositoryName, withDefaultTag } from './reference.ts';

/** A full name as Docker shows it. */
export function familiar(name: string): string {
  return familiarReference(parseReference(name));
}

/** The repository of a full name. */
export function repositoryOf(name: string): string {
  return repositoryName(parseReference(name));
}

/** `docker.io/library/redis:latest`: with the default tag where there is none. */
export function tagName(reference: Reference): string {
  return formatReference(withDefaultTag(reference));
}

/** `docker.io/library/redis@sha256:…` */
export function digestName({ domain, path }: Reference, digest: Digest): string {
  return formatReference({ domain, path, digest });
}
