/**
 * Manifests, indexes and image configs from outside: bytes that anybody may have written. What is read is checked here,
 * once; what is not read is kept. An unknown media type is no error until somebody wants an image of it.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type Digest, parseDigest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { Descriptor, ImageConfig, Index, Manifest, Platform, RawManifest } from './contract.ts';
import { plainText } from './registry/text.ts';

export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+(?:json|prettyjws)$/;

/** Bytes. What the distribution specification asks clients to take at least, and what docker-registry takes at most. */
export const MAX_MANIFEST = 4 << 20;
/** Bytes; as containerd. */
export const MAX_CONFIG = 8 << 20;
/** overlayfs stacks no more (OVL_MAX_STACK). Docker makes at most 127. */
export const MAX_LAYERS = 500;
const MAX_ENTRIES = 10_000;
const MAX_DEPTH = 64;

const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;
/** What servers of plain files say of anything. */
const SAYS_NOTHING = new Set(['', 'application/json', 'application/octet-stream', 'text/plain', 'text/html', 'binary/octet-stream']);

export type ParsedManifest =
  | { readonly kind: 'manifest'; readonly mediaType: string; readonly manifest: Manifest }
  | { readonly kind: 'index'; readonly mediaType: string; readonly index: Index }
  /** Anything else that is well-formed JSON: kept, pushed, shown, never run. */
  | { readonly kind: 'other'; readonly mediaType: string };

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * Reads a manifest. `declared` is the media type under which it came: a Content-Type, or a descriptor's. `name` is what
 * the user named. Throws `invalid`.
 */
export function parseManifest(bytes: Uint8Array, declared = '', name?: string): ParsedManifest {
  const type = plainText(declared.split(';')[0]!).toLowerCase();
  if (bytes.length > MAX_MANIFEST) throw invalid(`manifest is too large: more than ${MAX_MANIFEST} bytes`);
  if (SCHEMA_1.test(type)) throw schema1(name);
  const json = object(parseJson(bytes, 'manifest'), 'manifest');
  if (json['schemaVersion'] === 1) throw schema1(name);
  const inside = optional(json['mediaType'], string, 'manifest: mediaType') ?? '';
  if (inside !== '' && !MEDIA_TYPE.test(inside)) throw invalid(`manifest: mediaType ${quote(inside)} is no media type`);
  if (inside !== '' && !SAYS_NOTHING.has(type) && inside !== type) {
    throw invalid(`mediaType in manifest should be '${type}' not '${inside}'`);
  }
  const mediaType = inside || (SAYS_NOTHING.has(type) ? guess(json) : type);
  // CVE-2021-41190: one document that one client reads as an image and another as an index
  const isIndex = mediaType === OCI_INDEX || mediaType === DOCKER_LIST;
  const isManifest = mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
  if (isIndex && (json['layers'] !== undefined || json['config'] !== undefined)) throw invalid("index: expected 'manifests' but found 'config' or 'layers'");
  if (isManifest && (json['manifests'] !== undefined || json['fsLayers'] !== undefined)) {
    throw invalid("manifest: expected 'layers' but found 'manifests' or 'fsLayers'");
  }
  if (!isIndex && !isManifest) return { kind: 'other', mediaType };
  if (json['schemaVersion'] !== 2) throw invalid(`unrecognised manifest schema version ${quote(json['schemaVersion'])}`);
  return isIndex ? { kind: 'index', mediaType, index: index(json, mediaType) } : { kind: 'manifest', mediaType, manifest: manifest(json, mediaType) };
}

/** That a manifest is of an image that can be run, in Docker's words for what is not. */
export function requireImage(parsed: ParsedManifest): Manifest {
  if (parsed.kind !== 'manifest') throw invalid(`unsupported media type ${parsed.mediaType}`);
  const { config, layers, artifactType } = parsed.manifest;
  const isImage = config.mediaType === DOCKER_CONFIG || config.mediaType === OCI_CONFIG;
  if (!isImage || artifactType !== undefined) throw invalid(`unsupported media type ${isImage ? artifactType : config.mediaType}`);
  if (config.size > MAX_CONFIG) throw invalid(`image configuration is too large: more than ${MAX_CONFIG} bytes`);
  checkDepth(layers.length);
  return parsed.manifest;
}

/** Throws `invalid` for more layers than can be stacked. */
export function checkDepth(layers: number): void {
  if (layers > MAX_LAYERS) throw invalid(`max depth exceeded: the image has ${layers} layers, more than ${MAX_LAYERS}`);
}

/** Reads an image's config, and checks that it goes with the manifest's layers where they are given. Throws `invalid`. */
export function parseImageConfig(bytes: Uint8Array, layers?: number): ImageConfig {
  if (bytes.length > MAX_CONFIG) throw invalid(`image configuration is too large: more than ${MAX_CONFIG} bytes`);
  const what = 'image configuration';
  const json = object(parseJson(bytes, what), what);
  const rootfs = object(json['rootfs'], `${what}: rootfs`);
  if (rootfs['type'] !== 'layers') throw invalid(`${what}: rootfs: type ${quote(rootfs['type'])} is not "layers"`);
  const diffIds = list(rootfs['diff_ids'] ?? [], `${what}: rootfs.diff_ids`).map((id) => parseDigest(string(id, `${what}: diff id`)));
  if (layers !== undefined && diffIds.length !== layers) throw invalid(`mismatched layer and config: ${layers} layers, ${diffIds.length} diff ids`);
  const history = optional(json['history'], list, `${what}: history`)?.map((entry) => object(entry, `${what}: history`));
  for (const entry of history ?? []) {
    for (const key of ['created', 'created_by', 'author', 'comment']) optional(entry[key], string, `${what}: history.${key}`);
    optional(entry['empty_layer'], boolean, `${what}: history.empty_layer`);
  }
  for (const key of ['created', 'author', 'variant', 'comment', 'docker_version', 'os.version']) optional(json[key], string, `${what}: ${key}`);
  const config = optional(json['config'], object, `${what}: config`);
  if (config !== undefined) checkContainerConfig(config, `${what}: config`);
  const result = {
    ...withoutNulls(json),
    architecture: optional(json['architecture'], string, `${what}: architecture`) ?? '',
    os: optional(json['os'], string, `${what}: os`) ?? '',
    rootfs: { type: 'layers', diff_ids: diffIds },
  };
  return result as unknown as ImageConfig;
}

/** A descriptor from outside, its unknown fields kept. */
export function parseDescriptor(value: unknown, what: string): Descriptor {
  const json = object(value, what);
  const mediaType = string(json['mediaType'] ?? '', `${what}: mediaType`);
  if (mediaType !== '' && !MEDIA_TYPE.test(mediaType)) throw invalid(`${what}: mediaType ${quote(mediaType)} is no media type`);
  const digest = parseDigest(string(json['digest'], `${what}: digest`));
  const size = json['size'];
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw invalid(`${what}: size ${quote(size)} is no size`);
  optional(json['urls'], list, `${what}: urls`)?.forEach((url) => string(url, `${what}: url`));
  optional(json['artifactType'], string, `${what}: artifactType`);
  optional(json['annotations'], texts, `${what}: annotations`);
  if (json['platform'] !== undefined && json['platform'] !== null) checkPlatform(object(json['platform'], `${what}: platform`), `${what}: platform`);
  return { ...withoutNulls(json), mediaType, digest, size } as Descriptor;
}

/** Fetches what a descriptor names; its bytes are of the descriptor's digest. */
export type FetchManifest = (descriptor: Descriptor) => Promise<RawManifest>;

/**
 * Goes from what a reference names to one image's manifest: through an index, or an index within an index, by the
 * platform. What is too deep, or comes round to itself, is refused. `choose` throws where nothing fits.
 */
export async function selectImage(
  from: RawManifest,
  choose: (entries: readonly Descriptor[]) => Descriptor,
  fetch: FetchManifest,
  name?: string,
): Promise<{ readonly raw: RawManifest; readonly manifest: Manifest; readonly indexes: readonly RawManifest[] }> {
  const indexes: RawManifest[] = [];
  let raw = from;
  for (;;) {
    const parsed = parseManifest(raw.bytes, raw.descriptor.mediaType, name);
    if (parsed.kind !== 'index') return { raw, manifest: requireImage(parsed), indexes };
    if (indexes.some((seen) => seen.descriptor.digest === raw.descriptor.digest)) throw invalid(`index ${raw.descriptor.digest} contains itself`);
    indexes.push(raw);
    if (indexes.length > 4) throw invalid('indexes are nested too deep: more than 4 levels');
    const chosen = choose(parsed.index.manifests);
    if (chosen.size > MAX_MANIFEST) throw invalid(`manifest ${chosen.digest} is too large: more than ${MAX_MANIFEST} bytes`);
    raw = await fetch(chosen);
  }
}

/** Docker 28's words. */
function schema1(name?: string): EngineError {
  const author = name === undefined ? '' : ` Suggest the author of ${name} to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2.`;
  return new EngineError(
    'invalid',
    `Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed.${author} More information at https://docs.docker.com/go/deprecated-image-specs/`,
  );
}

function manifest(json: Json, mediaType: string): Manifest {
  const layers = list(json['layers'] ?? [], 'manifest: layers');
  if (layers.length > MAX_ENTRIES) throw invalid(`manifest: more than ${MAX_ENTRIES} layers`);
  optional(json['artifactType'], string, 'manifest: artifactType');
  optional(json['annotations'], texts, 'manifest: annotations');
  return {
    ...withoutNulls(json),
    schemaVersion: 2,
    mediaType,
    config: parseDescriptor(json['config'], 'manifest: config'),
    layers: layers.map((layer, position) => parseDescriptor(layer, `manifest: layer ${position}`)),
    ...(json['subject'] === undefined || json['subject'] === null ? {} : { subject: parseDescriptor(json['subject'], 'manifest: subject') }),
  };
}

function index(json: Json, mediaType: string): Index {
  const manifests = list(json['manifests'] ?? [], 'index: manifests');
  if (manifests.length > MAX_ENTRIES) throw invalid(`index: more than ${MAX_ENTRIES} manifests`);
  optional(json['annotations'], texts, 'index: annotations');
  return {
    ...withoutNulls(json),
    schemaVersion: 2,
    mediaType,
    manifests: manifests.map((entry, position) => parseDescriptor(entry, `index: manifest ${position}`)),
  };
}

/** For a document that nobody gave a type: by what it has. */
function guess(json: Json): string {
  if (json['schemaVersion'] !== 2) throw invalid('the registry sent something that is no manifest');
  if (Array.isArray(json['manifests'])) return OCI_INDEX;
  if (json['config'] !== undefined && Array.isArray(json['layers'])) return OCI_MANIFEST;
  throw invalid('manifest: it has neither a media type, nor layers, nor manifests');
}

function checkContainerConfig(config: Json, what: string): void {
  for (const key of ['Env', 'Entrypoint', 'Cmd', 'Shell', 'OnBuild'])
    optional(config[key], list, `${what}.${key}`)?.forEach((item) => string(item, `${what}.${key}`));
  for (const key of ['User', 'WorkingDir', 'StopSignal']) optional(config[key], string, `${what}.${key}`);
  for (const key of ['ExposedPorts', 'Volumes']) optional(config[key], object, `${what}.${key}`);
  optional(config['Labels'], texts, `${what}.Labels`);
  optional(config['ArgsEscaped'], boolean, `${what}.ArgsEscaped`);
  const health = optional(config['Healthcheck'], object, `${what}.Healthcheck`);
  if (health === undefined) return;
  optional(health['Test'], list, `${what}.Healthcheck.Test`)?.forEach((item) => string(item, `${what}.Healthcheck.Test`));
  for (const key of ['Interval', 'Timeout', 'Retries', 'StartPeriod', 'StartInterval']) optional(health[key], number, `${what}.Healthcheck.${key}`);
}

function checkPlatform(json: Json, what: string): asserts json is Json & Platform {
  string(json['os'], `${what}.os`);
  string(json['architecture'], `${what}.architecture`);
  for (const key of ['variant', 'os.version']) optional(json[key], string, `${what}.${key}`);
  optional(json['os.features'], list, `${what}.os.features`)?.forEach((feature) => string(feature, `${what}.os.features`));
}

type Json = Readonly<Record<string, unknown>>;

/** JSON from outside: UTF-8, of bounded depth, without keys that would reach a prototype. Throws `invalid`. */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  if (!isUtf8(bytes)) throw invalid(`${what}: it is not UTF-8`);
  if (depth(bytes) > MAX_DEPTH) throw invalid(`${what}: nested too deep`);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch (cause) {
    throw new EngineError('invalid', `${what}: it is not JSON: ${plainText((cause as Error).message)}`, { cause });
  }
  checkKeys(value, what);
  return value;
}

function depth(bytes: Uint8Array): number {
  let [now, most, inText] = [0, 0, false];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (inText) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) inText = false;
    } else if (byte === 0x22) inText = true;
    else if (byte === 0x5b || byte === 0x7b) most = Math.max(most, ++now);
    else if (byte === 0x5d || byte === 0x7d) now--;
  }
  return most;
}

function checkKeys(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null) return;
  if (Object.hasOwn(value, '__proto__')) throw invalid(`${what}: it has a key __proto__`);
  for (const inner of Object.values(value)) checkKeys(inner, what);
}

function withoutNulls(json: Json): Json {
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null));
}

function object(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${what}: ${quote(value)} is no object`);
  return value as Json;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(`${what}: ${quote(value)} is no list`);
  return value;
}

function texts(value: unknown, what: string): Json {
  const json = object(value, what);
  for (const [key, text] of Object.entries(json)) string(text, `${what}: ${key}`);
  return json;
}

function string(value: unknown, what: string): string {
  if (typeof value !== 'string') throw invalid(`${what}: ${quote(value)} is no string`);
  return value;
}

function boolean(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw invalid(`${what}: ${quote(value)} is neither true nor false`);
  return value;
}

function number(value: unknown, what: string): number {
  if (typeof value !== 'number') throw invalid(`${what}: ${quote(value)} is no number`);
  return value;
}

function optional<T>(value: unknown, check: (value: unknown, what: string) => T, what: string): T | undefined {
  return value === undefined || value === null ? undefined : check(value, what);
}

function quote(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
