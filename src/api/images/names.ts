/** Names of images as they come in parts of a request. */
import { invalid } from '../../base/errors.ts';
import type { Images } from '../../engine/images-contract.ts';
import type { ApiRequest } from '../contract.ts';
import { explainSyntax } from '../json-syntax.ts';

const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** `repo` and `tag`, of which the latter counts; undefined for no name. Throws `invalid` in Docker's words. */
export function taggedName(images: Images, repo: string | undefined, tag: string | undefined): string | undefined {
  if (repo === undefined || repo === '') return undefined;
  const full = images.fullName(repo);
  if (full.includes('@')) throw invalid('cannot import digest reference');
  return tag === undefined || tag === '' ? full : `${repositoryOf(full)}:${checkTag(tag)}`;
}

/** What to pull: `tag` may be a digest. Without either it is the whole repository. */
export function pulledName(images: Images, fromImage: string, tag: string | undefined): { readonly name: string; readonly allTags: boolean } {
  // `docker pull -a` of old sends a colon at the end
  const image = fromImage.replace(/:$/, '');
  const full = images.fullName(image);
  if (images.familiarName(image) === 'scratch:latest') throw invalid("'scratch' is a reserved name");
  if (full.includes('@')) return { name: image, allTags: false };
  if (tag !== undefined && tag !== '') {
    const repository = repositoryOf(full);
    return { name: DIGEST.test(tag) ? `${repository}@${tag}` : `${repository}:${checkTag(tag)}`, allTags: false };
  }
  const hasTag = /:[^/:]+$/.test(image);
  return { name: image, allTags: !hasTag };
}

/** What to push: the tag in the name is ignored. */
export function pushedName(images: Images, name: string, tag: string | undefined): { readonly name: string; readonly allTags: boolean } {
  const full = images.fullName(name);
  if (tag !== undefined && tag !== '') return { name: `${repositoryOf(full)}:${checkTag(tag)}`, allTags: false };
  // as dockerd's clients of old: a name with a tag is that tag
  return /:[^/:]+$/.test(name) ? { name, allTags: false } : { name, allTags: true };
}

function repositoryOf(full: string): string {
  return full.replace(/@.*$/, '').replace(/:[^/:]+$/, '');
}

function checkTag(tag: string): string {
  if (!TAG.test(tag)) throw invalid('invalid tag format');
  return tag;
}

/** The parameter `platform`, as `linux/arm64/v8`. Throws as `platformText`. */
export function platformOf({ query }: ApiRequest): string | undefined {
  const text = query.text('platform');
  return text === undefined || text === '' ? undefined : platformText(text);
}

/** A platform in JSON as `linux/arm64/v8`. Throws `invalid` in Docker's words. */
export function platformText(text: string): string {
  let json: { os?: unknown; architecture?: unknown; variant?: unknown } | null;
  try {
    json = JSON.parse(text) as typeof json;
  } catch {
    throw invalid(`failed to parse platform: ${explainSyntax(text)}`);
  }
  const { os, architecture, variant = '' } = json ?? {};
  if (typeof os !== 'string' || os === '' || typeof architecture !== 'string' || architecture === '' || typeof variant !== 'string')
    throw invalid('both OS and Architecture must be provided');
  return [os, architecture, variant].filter((part) => part !== '').join('/');
}
