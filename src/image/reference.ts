/**
 * Names of images as Docker reads them (the grammar and the rules of distribution/reference): `redis` is
 * `docker.io/library/redis`, and what has a `.`, a `:` or an upper-case letter before its first slash, or is `localhost`
 * there, names a registry.
 */
import { type Digest, isDigest } from '../base/digest.ts';
import { invalid } from '../base/errors.ts';
import type { Reference } from './contract.ts';

export const DEFAULT_DOMAIN = 'docker.io';
const LEGACY_DOMAIN = 'index.docker.io';
const OFFICIAL = 'library/';
const DEFAULT_TAG = 'latest';
const MAX_PATH = 255;
/** Docker bounds the path only; a host name has at most 253 characters. Keeps hostile input from costing anything. */
const MAX_TEXT = 4096;

const IDENTIFIER = /^[0-9a-f]{64}$/;
const LABEL = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/;
const IPV6 = /^\[[a-fA-F0-9:]+\]$/;
const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST_SHAPE = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const DIGEST_ALGORITHM = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*$/;

/** Reads what a user wrote and completes the name; adds no tag (see `withDefaultTag`). Throws `invalid` in Docker's words. */
export function parseReference(text: string): Reference {
  if (IDENTIFIER.test(text)) throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  if (text.length > MAX_TEXT) throw invalid('invalid reference format');
  const { domain, rest } = splitDomain(text);
  const colon = rest.indexOf(':');
  const name = colon === -1 ? rest : rest.slice(0, colon);
  if (name.toLowerCase() !== name) throw invalid(`invalid reference format: repository name (${name}) must be lowercase`);

  const at = rest.indexOf('@');
  const digest = at === -1 ? undefined : rest.slice(at + 1);
  const named = at === -1 ? rest : rest.slice(0, at);
  const mark = named.indexOf(':');
  const tag = mark === -1 ? undefined : named.slice(mark + 1);
  const path = mark === -1 ? named : named.slice(0, mark);
  const wellFormed =
    isDomain(domain) &&
    path.split('/').every((component) => COMPONENT.test(component)) &&
    (tag === undefined || TAG.test(tag)) &&
    (digest === undefined || DIGEST_SHAPE.test(digest));
  if (!wellFormed) throw invalid('invalid reference format');
  if (path.length > MAX_PATH) throw invalid(`repository name must not be more than ${MAX_PATH} characters`);
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest: checkDigest(digest) }) };
}

/** As `parseReference`, but 64 hexadecimal digits, with or without `sha256:`, are an image's id. */
export function parseReferenceOrId(text: string): Reference | Digest {
  if (IDENTIFIER.test(text)) return `sha256:${text}`;
  return isDigest(text) ? text : parseReference(text);
}

/** With the tag `latest` where there is neither a tag nor a digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: DEFAULT_TAG } : reference;
}

/** In full: `docker.io/library/redis:7@sha256:…`. `parseReference` reads it back as the same. */
export function formatReference(reference: Reference): string {
  return repositoryName(reference) + suffix(reference);
}

/** As Docker shows it: `redis:7`, `user/app`, `localhost:5000/app@sha256:…`. */
export function familiarReference(reference: Reference): string {
  return familiarName(reference) + suffix(reference);
}

/** In full, without tag and digest: `docker.io/library/redis`. */
export function repositoryName(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** As Docker shows it, without tag and digest: `redis`. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return repositoryName(reference);
  const official = reference.path.startsWith(OFFICIAL) && !reference.path.slice(OFFICIAL.length).includes('/');
  return official ? reference.path.slice(OFFICIAL.length) : reference.path;
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`);
}

function splitDomain(text: string): { domain: string; rest: string } {
  const slash = text.indexOf('/');
  const first = text.slice(0, Math.max(slash, 0));
  const isHost = slash !== -1 && (first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first);
  const domain = !isHost || first === LEGACY_DOMAIN ? DEFAULT_DOMAIN : first;
  const rest = isHost ? text.slice(slash + 1) : text;
  return { domain, rest: domain === DEFAULT_DOMAIN && !rest.includes('/') ? OFFICIAL + rest : rest };
}

function isDomain(text: string): boolean {
  const port = /:[0-9]+$/.exec(text);
  const host = port === null ? text : text.slice(0, port.index);
  return IPV6.test(host) || host.split('.').every((label) => LABEL.test(label));
}

/** What has a digest's shape, checked in go-digest's order. Docker takes sha384 and sha512 too; nothing here can verify them. */
function checkDigest(text: string): Digest {
  if (isDigest(text)) return text;
  const [algorithm, hex] = text.split(':') as [string, string];
  if (!DIGEST_ALGORITHM.test(algorithm)) throw invalid('invalid checksum digest format');
  if (algorithm !== 'sha256') throw invalid('unsupported digest algorithm');
  throw invalid(hex.length === 64 ? 'invalid checksum digest format' : 'invalid checksum digest length');
}
