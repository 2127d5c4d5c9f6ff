/** Use cases that only look: list, inspect, history. */
import { boundedPattern } from '../base/bounded-pattern.ts';
import type { Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { Platform } from '../image/contract.ts';
import { chainIds } from '../image/chain-id.ts';
import { tagName } from '../image/names.ts';
import { formatPlatform, parsePlatform, platformMatches } from '../image/platform.ts';
import { familiarName, familiarReference, parseReference, withDefaultTag } from '../image/reference.ts';
import type { ImageSummary, StoredImage } from '../image/store/store.ts';
import { hasLabel, pointInTime } from './filters.ts';
import { tell } from './image-events.ts';
import type { ImageParts } from './image-parts.ts';
import type { HistoryLine, ImageDetails, ImageLine, ImageListOptions, OfPlatform } from './images-contract.ts';

export type Filters = Readonly<Record<string, readonly string[]>>;

/** Docker's filters; of one key any value, of several keys all. Throws `invalid` for one that is not there. */
export function listImages(parts: ImageParts, { filters = {}, sharedSize = false }: ImageListOptions): readonly ImageLine[] {
  // as dockerd: that one is for pruning
  if (filters['label!'] !== undefined) throw invalid("invalid filter 'label!'");
  const tests = Object.entries(filters).flatMap(([key, values]) => (values.length === 0 ? [] : [imageFilter(parts, key, values)]));
  const patterns = filters['reference'] ?? [];
  const all = parts.store.list();
  const users = parts.users();
  const shared = sharedSize ? sharedSizes(parts, all) : undefined;
  return all
    .filter((image) => tests.every((test) => test(image)))
    .map((image) => ({
      ...lineOf(patterns.length === 0 ? image : namedLike(image, patterns)),
      containers: users.filter((user) => user.image === image.id).length,
      ...(shared === undefined ? {} : { sharedSize: shared.get(image.id) ?? 0 }),
    }));
}

/** As dockerd: a layer is shared where another image has it on top of the same layers. */
function sharedSizes(parts: ImageParts, images: readonly ImageSummary[]): Map<Digest, number> {
  const chains = images.map(({ id, manifestDigest }) => ({ id, layers: layersOf(parts, manifestDigest) }));
  const counts = new Map<Digest, number>();
  for (const { layers } of chains) for (const { chain } of layers) counts.set(chain, (counts.get(chain) ?? 0) + 1);
  return new Map(chains.map(({ id, layers }) => [id, layers.reduce((sum, { chain, size }) => sum + (counts.get(chain)! > 1 ? size : 0), 0)]));
}

function layersOf({ store, driver }: ImageParts, manifestDigest: Digest): { chain: Digest; size: number }[] {
  try {
    const layers = store.documents(manifestDigest).config.rootfs.diff_ids;
    return chainIds(layers).map((chain, index) => ({ chain, size: sizeOf(driver, layers[index]!) }));
  } catch {
    return []; // a damaged image must not stand in the way of a list
  }
}

/** As dockerd: of an image that was looked for by name, the names that were looked for. */
function namedLike(image: ImageSummary, patterns: readonly string[]): ImageSummary {
  const like = (names: readonly string[]) => names.filter((name) => patterns.some((pattern) => matchesPattern(name, pattern)));
  return { ...image, repoTags: like(image.repoTags), repoDigests: like(image.repoDigests) };
}

export function imageFilter(parts: ImageParts, key: string, values: readonly string[]): (image: ImageSummary) => boolean {
  const created = (name: string) => moment(parts.store.find(name).entry.facts.created);
  switch (key) {
    case 'dangling': {
      const wanted = flagOf({ dangling: values }, key);
      return (image) => isDangling(image) === wanted;
    }
    case 'label':
      return (image) => values.every((value) => hasLabel(image.labels, value));
    case 'label!':
      return (image) => !values.some((value) => hasLabel(image.labels, value));
    case 'reference':
      return (image) => [...image.repoTags, ...image.repoDigests].some((name) => values.some((pattern) => matchesPattern(name, pattern)));
    case 'before': {
      const limit = Math.min(...values.map(created));
      return (image) => moment(image.created) < limit;
    }
    case 'since': {
      const limit = Math.max(...values.map(created));
      return (image) => moment(image.created) > limit;
    }
    case 'until': {
      const limit = Math.min(...values.map(pointInTime));
      return (image) => moment(image.created) < limit;
    }
    default:
      throw invalid(`invalid filter '${key}'`);
  }
}

export function isDangling({ repoTags }: ImageSummary): boolean {
  return repoTags.length === 0;
}

/** Each star is tried at each place of a name: with few that is quick. */
const FEW_STARS = 3;

/** Go's path.Match on the whole familiar name, or on it without tag or digest, as dockerd matches. */
function matchesPattern(name: string, pattern: string): boolean {
  const glob = globOf(pattern);
  return glob(name) || glob(name.replace(/(@.*|:[^/]*)$/, ''));
}

function globOf(pattern: string): (name: string) => boolean {
  const source = pattern.replace(/\\(.)|\[\^?(?:\\.|[^\]\\])+\]|[*?]|[^]/g, (part, escaped: string | undefined) => {
    if (escaped !== undefined) return literal(escaped);
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    return part.length > 1 ? part.replace(/^(\[\^?)(.*)\]$/s, (_all, open: string, inner: string) => `${open}${inner.replaceAll('[', '\\[')}]`) : literal(part);
  });
  try {
    if (/(?<!\\)\[$/.test(pattern)) throw new SyntaxError('a set without an end');
    const whole = `^${source}$`;
    if (pattern.split('*').length - 1 > FEW_STARS) return boundedPattern(whole);
    const expression = new RegExp(whole);
    return (name) => expression.test(name);
  } catch (error) {
    throw new EngineError('invalid', 'syntax error in pattern', { cause: error });
  }
}

function literal(text: string): string {
  return text.replace(/[.+^$*?{}()|[\]\\]/g, '\\$&');
}

/** A filter that is true or false; undefined where it is not there. Throws `invalid` for anything else, and for both at once. */
export function flagOf(filters: Filters, key: string): boolean | undefined {
  const values = filters[key] ?? [];
  const [flag, ...more] = new Set(values.map((value) => (/^(1|true)$/.test(value) ? true : /^(0|false)$/.test(value) ? false : undefined)));
  if (values.length > 0 && (flag === undefined || more.length > 0)) throw invalid(`invalid filter '${key}=[${values.join(' ')}]'`);
  return flag;
}

/** In seconds, with their fractions: a script makes several images in one. */
function moment(created: string | undefined): number {
  const time = Date.parse(created ?? '');
  return Number.isNaN(time) ? 0 : time / 1000;
}

function seconds(created: string | undefined): number {
  return Math.floor(moment(created));
}

function lineOf({ id, repoTags, repoDigests, created, size, labels }: ImageSummary): Omit<ImageLine, 'containers' | 'sharedSize'> {
  return { id, repoTags, repoDigests, created: seconds(created), size, labels };
}

/** An image with its documents. Throws `not-found` in Docker's words where it is for another platform. */
export function openImage({ store }: ImageParts, name: string, platform: string | undefined): StoredImage {
  const found = store.find(name);
  const image = store.open(found.entry);
  if (platform !== undefined) {
    const wanted = parsePlatform(platform);
    if (!platformMatches(image.platform, wanted)) throw wrongPlatform(name, image.platform, wanted);
  }
  return image;
}

export function wrongPlatform(name: string, has: Platform, wanted: Platform): EngineError {
  return new EngineError(
    'not-found',
    `image with reference ${name} was found but its platform (${formatPlatform(has)}) does not match the specified platform (${formatPlatform(wanted)})`,
  );
}

export function inspectImage(parts: ImageParts, name: string, { platform }: OfPlatform): ImageDetails {
  const image = openImage(parts, name, platform);
  const { config } = image;
  const osVersion = config['os.version'];
  return {
    ...lineOf(image),
    createdText: config.created,
    author: config.author ?? '',
    comment: config.comment || (config.history?.at(-1)?.comment ?? ''),
    dockerVersion: config.docker_version ?? '',
    platform: { ...image.platform, ...(osVersion === undefined || osVersion === '' ? {} : { 'os.version': osVersion }) },
    config: config.config ?? {},
    lastTagged: parts.store
      .entriesOf(image.id)
      .flatMap(({ tagged }) => tagged ?? [])
      .toSorted()
      .at(-1),
    layers: config.rootfs.diff_ids,
    driver: parts.driver.name,
  };
}

export function imageHistory(parts: ImageParts, name: string, { platform }: OfPlatform): readonly HistoryLine[] {
  const { driver } = parts;
  const image = openImage(parts, name, platform);
  const layers = [...image.config.rootfs.diff_ids];
  const steps = (image.config.history ?? []).map((step) => ({ step, layer: step.empty_layer ? undefined : layers.shift() }));
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
export async function tagImage(parts: ImageParts, name: string, newName: string): Promise<void> {
  const reference = parseReference(newName);
  if (reference.digest !== undefined) throw invalid('refusing to create a tag with a digest reference');
  if (familiarName(reference) === 'sha256') throw invalid('refusing to create an ambiguous tag using digest algorithm as name');
  // what it is made of is not collected between the look and the new name
  using _hold = await parts.store.hold();
  const { entry } = parts.store.find(name);
  await parts.store.name({ ...entry, tagged: new Date().toISOString() }, [tagName(reference)]);
  tell(parts, 'tag', entry.facts.id, familiarReference(withDefaultTag(reference)), entry.facts.id);
}
