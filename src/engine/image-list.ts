/** Use cases that only look: list, inspect, history. */
import type { Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { tagName } from '../image/names.ts';
import { parseReference } from '../image/reference.ts';
import type { ImageSummary } from '../image/store/store.ts';
import type { ImageParts } from './image-parts.ts';
import type { HistoryLine, ImageDetails, ImageLine, ImageListOptions } from './images-contract.ts';

export type Filters = Readonly<Record<string, readonly string[]>>;

/** Docker's filters; of one key any value, of several keys all. Throws `invalid` for one that is not there. */
export function listImages(parts: ImageParts, { filters = {} }: ImageListOptions): readonly ImageLine[] {
  const tests = Object.entries(filters).flatMap(([key, values]) => (values.length === 0 ? [] : [imageFilter(parts, key, values)]));
  const patterns = filters['reference'] ?? [];
  return parts.store
    .list()
    .filter((image) => tests.every((test) => test(image)))
    .map((image) => lineOf(patterns.length === 0 ? image : namedLike(image, patterns)));
}

/** As dockerd: of an image that was looked for by name, the names that were looked for. */
function namedLike(image: ImageSummary, patterns: readonly string[]): ImageSummary {
  const like = (names: readonly string[]) => names.filter((name) => patterns.some((pattern) => matchesPattern(name, pattern)));
  return { ...image, repoTags: like(image.repoTags), repoDigests: like(image.repoDigests) };
}

export function imageFilter(parts: ImageParts, key: string, values: readonly string[]): (image: ImageSummary) => boolean {
  const created = (name: string) => seconds(parts.store.find(name).entry.facts.created);
  switch (key) {
    case 'dangling': {
      const wanted = values.map(flag);
      return (image) => wanted.includes(isDangling(image));
    }
    case 'label':
      return (image) => values.every((value) => hasLabel(image.labels, value));
    case 'label!':
      return (image) => !values.some((value) => hasLabel(image.labels, value));
    case 'reference':
      return (image) => [...image.repoTags, ...image.repoDigests].some((name) => values.some((pattern) => matchesPattern(name, pattern)));
    case 'before': {
      const limit = Math.min(...values.map(created));
      return (image) => seconds(image.created) < limit;
    }
    case 'since': {
      const limit = Math.max(...values.map(created));
      return (image) => seconds(image.created) > limit;
    }
    case 'until': {
      const limit = Math.min(...values.map(pointInTime));
      return (image) => seconds(image.created) < limit;
    }
    default:
      throw invalid(`invalid filter '${key}'`);
  }
}

export function isDangling({ repoTags }: ImageSummary): boolean {
  return repoTags.length === 0;
}

/** Go's path.Match on the whole familiar name, or on it without tag or digest, as dockerd matches. */
function matchesPattern(name: string, pattern: string): boolean {
  const glob = globOf(pattern);
  return glob.test(name) || glob.test(name.replace(/(@.*|:[^/]*)$/, ''));
}

function globOf(pattern: string): RegExp {
  const source = pattern.replace(/\\(.)|\[\^?(?:\\.|[^\]\\])+\]|[*?]|[^]/g, (part, escaped: string | undefined) => {
    if (escaped !== undefined) return literal(escaped);
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    return part.length > 1 ? part.replace(/^(\[\^?)(.*)\]$/s, (_all, open: string, inner: string) => `${open}${inner.replaceAll('[', '\\[')}]`) : literal(part);
  });
  try {
    if (/(?<!\\)\[$/.test(pattern)) throw new SyntaxError('a set without an end');
    return new RegExp(`^${source}$`);
  } catch (error) {
    throw new EngineError('invalid', 'syntax error in pattern', { cause: error });
  }
}

function literal(text: string): string {
  return text.replace(/[.+^$*?{}()|[\]\\]/g, '\\$&');
}

function flag(text: string): boolean {
  if (/^(1|true)$/.test(text)) return true;
  if (/^(0|false)$/.test(text)) return false;
  throw invalid(`invalid filter 'dangling=[${text}]'`);
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=');
  if (equals < 0) return Object.hasOwn(labels, wanted);
  const key = wanted.slice(0, equals);
  return Object.hasOwn(labels, key) && labels[key] === wanted.slice(equals + 1);
}

const UNITS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 };

/** `24h`, `1h30m`, Unix seconds, or RFC 3339: seconds since 1970. */
function pointInTime(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (/^(\d+[hms])+$/.test(text)) {
    const back = [...text.matchAll(/(\d+)([hms])/g)].reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0);
    return Date.now() / 1000 - back;
  }
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw invalid(`invalid filter 'until=[${text}]'`);
  return time / 1000;
}

function seconds(created: string | undefined): number {
  const time = Date.parse(created ?? '');
  return Number.isNaN(time) ? 0 : Math.floor(time / 1000);
}

function lineOf({ id, repoTags, repoDigests, created, size, labels }: ImageSummary): ImageLine {
  return { id, repoTags, repoDigests, created: seconds(created), size, labels };
}

export function inspectImage({ store, driver }: ImageParts, name: string): ImageDetails {
  const image = store.open(store.find(name).entry);
  const { config, manifestDigest } = image;
  return {
    ...lineOf(image),
    manifestDigest,
    createdText: config.created,
    author: config.author ?? '',
    comment: config.history?.at(-1)?.comment ?? '',
    platform: image.platform,
    config: config.config ?? {},
    layers: config.rootfs.diff_ids,
    history: config.history ?? [],
    driver: driver.name,
  };
}

export function imageHistory({ store, driver }: ImageParts, name: string): readonly HistoryLine[] {
  const image = store.open(store.find(name).entry);
  const layers = [...image.config.rootfs.diff_ids];
  const steps = (image.config.history ?? []).map((step) => ({ step, layer: step.empty_layer ? undefined : layers.shift() }));
  // an image without a history has its layers all the same
  for (const layer of layers) steps.push({ step: {}, layer });
  return steps.toReversed().map(({ step, layer }, index) => ({
    id: index === 0 ? image.id : '<missing>',
    created: seconds(step.created),
    createdBy: step.created_by ?? '',
    size: layer === undefined ? 0 : sizeOf(driver, layer),
    comment: step.comment ?? '',
    tags: index === 0 ? image.repoTags : [],
  }));
}

function sizeOf(driver: ImageParts['driver'], layer: Digest): number {
  return driver.has(layer) ? driver.contentSize(layer) : 0;
}

/** Gives an image one more name. Throws `invalid` for a name with a digest. */
export async function tagImage({ store }: ImageParts, name: string, newName: string): Promise<void> {
  const { entry } = store.find(name);
  const reference = parseReference(newName);
  if (reference.digest !== undefined) throw invalid('refusing to create a tag with a digest reference');
  await store.name(entry, [tagName(reference)]);
}
