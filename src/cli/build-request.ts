/** What the flags of `kobako build` ask for. */
import { parseBool } from '../base/parse-bool.ts';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readProvenance, refuseSbom, type ProvenanceWish } from '../base/attestations.ts';
import { invalid } from '../base/errors.ts';
import type { BuildRequest, CachePlace, Exporter } from '../engine/builds-contract.ts';
import { OLD_FLAGS } from './build-flags.ts';
import { contextOf } from './build-context.ts';
import type { CliContext } from './context.ts';
import type { Flags } from './flags.ts';
import { ulimit } from './run-options.ts';
import { bytes } from './units.ts';
import { unpack } from './unpack.ts';

/** Throws `invalid`. */
export function buildRequest(context: CliContext, flags: Flags): BuildRequest {
  refuseOld(flags);
  const [path] = flags.rest;
  if (path === undefined || flags.rest.length > 1) throw invalid('"kobako build" requires exactly 1 argument');
  const local = path !== '-' && !path.includes('://');
  const file = flags.value('file');
  const dockerfile = file === undefined ? undefined : dockerfileIn(context, file, local ? path : undefined);
  const inContext = dockerfile !== undefined && 'path' in dockerfile ? dockerfile.path : 'Dockerfile';
  const others = flags.list('build-context').map((text) => {
    const [name, where] = pair(text, 'build-context');
    return [name, contextOf(context, where)] as const;
  });
  return {
    contexts: { ...Object.fromEntries(others), context: contextOf(context, path, inContext) },
    ...(dockerfile === undefined ? {} : { dockerfile }),
    target: flags.value('target'),
    buildArgs: Object.fromEntries([...epoch(context), ...flags.list('build-arg').map((text) => variable(context, text))]),
    labels: Object.fromEntries(flags.list('label').map((text) => [text.split('=', 1)[0]!, text.includes('=') ? text.slice(text.indexOf('=') + 1) : ''])),
    platform: flags.value('platform'),
    ...(flags.on('no-cache') ? { noCache: true } : flags.has('no-cache-filter') ? { noCache: flags.list('no-cache-filter') } : {}),
    pull: flags.on('pull'),
    ...(flags.has('network') ? { network: flags.value('network')! } : {}),
    entitlements: [...flags.list('allow'), ...(flags.value('network') === 'host' ? ['network.host'] : [])],
    addHosts: flags.list('add-host').map((text) => text.replace(/^([^:=]+)=/, '$1:')),
    ulimits: flags.readAll('ulimit', ulimit).map(({ type, ...limit }) => ({ ...limit, type: type.replace(/^RLIMIT_/, '').toLowerCase() })),
    ...(flags.has('shm-size') ? { shmSize: flags.read('shm-size', bytes)! } : {}),
    cgroupParent: flags.value('cgroup-parent'),
    cacheFrom: flags.list('cache-from').map((text) => cachePlace(text, context.cwd)),
    cacheTo: flags.list('cache-to').map((text) => cachePlace(text, context.cwd)),
    ...(flags.has('secret') ? { secret: secrets(context, flags.list('secret')) } : {}),
    ...(flags.has('ssh') ? { ssh: agents(context, flags.list('ssh')) } : {}),
    exporters: exporters(context, flags),
    provenance: provenance(flags),
  };
}

/** What has no effect is not taken as if it had one. */
function refuseOld(flags: Flags): void {
  for (const { name, kind, held = [] } of OLD_FLAGS) {
    if (!flags.has(name)) continue;
    const value = kind === 'flag' ? String(flags.on(name)) : flags.value(name)!;
    if (!held.includes(value))
      throw invalid(`--${name}${kind === 'flag' && value === 'false' ? '=false' : ''} cannot have an effect: BuildKit's builds know no such thing`);
  }
}

/** Of several wishes the last one counts, and the shorthand before all. */
function provenance(flags: Flags): ProvenanceWish | undefined {
  const asked = new Map(flags.list('attest').map((text) => attestation(text)));
  for (const type of ['provenance', 'sbom'] as const) if (flags.has(type)) asked.set(type, shorthand(flags.value(type)!));
  for (const type of asked.keys()) if (type !== 'provenance' && type !== 'sbom') throw invalid(`attestations of the type ${type} are not known`);
  const sbom = asked.get('sbom');
  if (sbom !== undefined) refuseSbom(sbom);
  const wish = asked.get('provenance');
  return wish === undefined ? undefined : readProvenance(wish);
}

/** `type=provenance,mode=max` → its type, and the rest. */
function attestation(text: string): [string, string] {
  const parts = text.split(',');
  const type = parts.find((part) => part.startsWith('type='))?.slice('type='.length) ?? '';
  if (type === '') throw invalid(`attestation type not specified: ${JSON.stringify(text)}`);
  return [type, parts.filter((part) => !part.startsWith('type=')).join(',')];
}

/** As buildx: a bool is whether at all. */
function shorthand(text: string): string {
  const wanted = parseBool(text.toLowerCase());
  return wanted === undefined ? text : wanted ? '' : 'disabled=true';
}

function pair(text: string, flag: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals <= 0) throw invalid(`invalid ${flag} ${JSON.stringify(text)}, expected name=value`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function dockerfileIn(context: CliContext, file: string, folder: string | undefined): NonNullable<BuildRequest['dockerfile']> {
  if (file === '-') return { text: readFileSync(0, 'utf8'), name: 'Dockerfile' };
  if (folder === undefined) return { path: file };
  const [at, top] = [file, folder].map((path) => join(path!.startsWith('/') ? '' : context.cwd, path!).replace(/\/+$/, '')) as [string, string];
  // one beside the context is read here
  return at.startsWith(`${top}/`) ? { path: at.slice(top.length + 1) } : { text: context.readFile(at), name: at };
}

/** As buildx: the environment's says it to the builder, too. */
function epoch({ env }: CliContext): readonly (readonly [string, string])[] {
  const time = env['SOURCE_DATE_EPOCH'];
  return time === undefined || time === '' ? [] : [['SOURCE_DATE_EPOCH', time]];
}

function variable({ env }: CliContext, text: string): [string, string | undefined] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, env[text]] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** `type=local,src=dir` → its fields. */
function fields(text: string, flag: string): Map<string, string> {
  return new Map(text.split(',').map((part) => (part.includes('=') ? pair(part, flag) : [part, 'true'])));
}

function cachePlace(text: string, cwd: string): CachePlace {
  if (!text.includes('=')) return { type: 'registry', attributes: { ref: text } };
  const { type = 'registry', ...attributes } = Object.fromEntries(fields(text, 'cache'));
  if (type !== 'inline' && type !== 'registry' && type !== 'local')
    throw invalid(`unknown cache type ${JSON.stringify(type)}: inline, registry and local are there`);
  for (const key of ['src', 'dest']) if (attributes[key] !== undefined && !attributes[key].startsWith('/')) attributes[key] = join(cwd, attributes[key]);
  return { type, attributes };
}

function secrets(context: CliContext, given: readonly string[]): BuildRequest['secret'] {
  const known = new Map(
    given.map((text) => {
      const parts = fields(text, 'secret');
      const id = parts.get('id') ?? '';
      if (id === '') throw invalid(`invalid secret ${JSON.stringify(text)}: it has no id`);
      const env = parts.get('env') ?? (parts.get('type') === 'env' ? (parts.get('src') ?? id) : undefined);
      const file = parts.get('src') ?? parts.get('source') ?? (env === undefined && context.env[id] === undefined ? id : undefined);
      return [id, { env: env ?? (file === undefined ? id : undefined), file }] as const;
    }),
  );
  return async (id) => {
    const secret = known.get(id);
    if (secret === undefined) return undefined;
    if (secret.env !== undefined) return Buffer.from(context.env[secret.env] ?? '');
    try {
      return readFileSync(join(secret.file!.startsWith('/') ? '' : context.cwd, secret.file!));
    } catch (error) {
      throw invalid(`failed to read secret ${id}: ${(error as Error).message}`);
    }
  };
}

function agents({ env, cwd }: CliContext, given: readonly string[]): BuildRequest['ssh'] {
  const known = new Map(given.map((text) => (text.includes('=') ? pair(text, 'ssh') : [text, env['SSH_AUTH_SOCK'] ?? ''])));
  return async (id) => {
    const path = known.get(id);
    if (path === undefined || path === '') return undefined;
    return { path: path.startsWith('/') ? path : join(cwd, path), async [Symbol.asyncDispose]() {} };
  };
}

function exporters(context: CliContext, flags: Flags): Exporter[] {
  const names = flags.list('tag');
  const push = flags.on('push');
  const outputs = flags.list('output');
  if (outputs.length === 0) return [{ type: 'image', names, push }];
  return outputs.map((text) => {
    const parts = text.includes('=')
      ? fields(text, 'output')
      : new Map(
          text === '-'
            ? [
                ['type', 'tar'],
                ['dest', '-'],
              ]
            : [
                ['type', 'local'],
                ['dest', text],
              ],
        );
    const { type = 'image', dest, name, ...attributes } = Object.fromEntries(parts) as Record<string, string>;
    const all = name === undefined ? names : [...names, name];
    switch (type) {
      case 'image':
      case 'registry':
        return { type: 'image', names: all, push: push || type === 'registry' || parts.get('push') === 'true', attributes };
      case 'cacheonly':
        return { type };
      case 'docker':
      case 'oci':
      case 'tar':
        if (type === 'docker' && dest === undefined) return { type: 'image', names: all, attributes };
        return { type, names: all, attributes, receive: (archive) => toFile(context, archive, dest ?? '-') };
      case 'local':
        if (dest === undefined) throw invalid('dest is required for local output');
        return { type, attributes, receive: (archive) => toFolder(context, archive, dest) };
      default:
        throw invalid(`unknown output type ${JSON.stringify(type)}`);
    }
  });
}

async function toFile(context: CliContext, archive: AsyncIterable<Buffer>, dest: string): Promise<void> {
  if (dest === '-' && context.stdout.isTTY) throw invalid('refusing to write output to terminal');
  const bytesOf = Readable.from(archive, { objectMode: false });
  if (dest === '-') await pipeline(bytesOf, context.stdout, { end: false });
  else await pipeline(bytesOf, createWriteStream(dest.startsWith('/') ? dest : join(context.cwd, dest), { mode: 0o644 }));
}

async function toFolder(context: CliContext, archive: AsyncIterable<Buffer>, dest: string): Promise<void> {
  const folder = dest.startsWith('/') ? dest : join(context.cwd, dest);
  mkdirSync(folder, { recursive: true });
  await unpack(archive, '.', folder, (name) => context.stderr.write(`WARNING: ${name} cannot be made here\n`));
}
