/** Whose credentials go to which registry: Docker's config file, credential helpers, and the API's `X-Registry-Config`. */
import { EngineError, invalid } from '../../base/errors.ts';
import type { Credentials } from '../contract.ts';
import { parseJson } from '../manifest.ts';
import { DEFAULT_DOMAIN } from '../reference.ts';
import { plainText } from './text.ts';

/** Runs `docker-credential-NAME get` with the server's name on its stdin. Only the kernel port starts processes. */
export type CredentialHelper = (name: string, server: string) => Promise<{ readonly code: number; readonly stdout: string }>;

/** The name that Docker Hub has in config files and helpers, since the days of its first API. */
const HUB_KEY = 'https://index.docker.io/v1/';
const NOT_FOUND = 'credentials not found in native keychain';
/** Becomes a program's name: no path, no option. */
const HELPER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** The parts of Docker's config.json that say who one is. */
export interface CredentialConfig {
  readonly auths: ReadonlyMap<string, Credentials>;
  readonly credsStore: string | undefined;
  readonly credHelpers: ReadonlyMap<string, string>;
}

/** Reads a config.json. Throws `invalid`. */
export function parseCredentialConfig(bytes: Uint8Array): CredentialConfig {
  const json = bytes.length === 0 ? {} : record(parseJson(bytes, 'docker config file'));
  const auths = Object.entries(record(json['auths'] ?? {})).map(([server, value]) => [server, authOf(server, record(value ?? {}))] as const);
  const helpers = Object.entries(record(json['credHelpers'] ?? {})).flatMap(([server, name]) => (typeof name === 'string' ? [[server, name] as const] : []));
  const store = json['credsStore'];
  return { auths: new Map(auths), credsStore: typeof store === 'string' && store !== '' ? store : undefined, credHelpers: new Map(helpers) };
}

/** What the config has for a registry; undefined for nobody. Throws `unavailable` when a helper fails. */
export async function findCredentials(config: CredentialConfig, domain: string, helper: CredentialHelper): Promise<Credentials | undefined> {
  const server = domain === DEFAULT_DOMAIN ? HUB_KEY : domain;
  const named = config.credHelpers.get(server) ?? config.credHelpers.get(domain);
  const program = named === undefined || named === '' ? config.credsStore : named;
  if (program !== undefined) return askHelper(program, server, helper);
  const exact = config.auths.get(server);
  if (exact !== undefined) return usable(exact);
  // older files have URLs
  for (const [key, credentials] of config.auths) if (hostOf(key) === hostOf(server)) return usable(credentials);
  return undefined;
}

async function askHelper(name: string, server: string, helper: CredentialHelper): Promise<Credentials | undefined> {
  if (!HELPER_NAME.test(name)) throw invalid(`docker config file: ${JSON.stringify(name)} is not the name of a credential helper`);
  const { code, stdout } = await helper(name, server);
  if (code !== 0) {
    if (stdout.includes(NOT_FOUND)) return undefined;
    throw new EngineError('unavailable', `error getting credentials - err: docker-credential-${name}: exit status ${code}, out: \`${plainText(stdout)}\``);
  }
  const json = record(parseJson(Buffer.from(stdout), `the answer of docker-credential-${name}`));
  const { Username: username, Secret: secret } = json;
  if (typeof username !== 'string' || typeof secret !== 'string')
    throw new EngineError('unavailable', `docker-credential-${name}: it gives no Username and Secret`);
  return username === '<token>' ? { identityToken: secret } : usable({ username, password: secret });
}

/** `X-Registry-Config`, which a build has: credentials for each registry. Throws `invalid`. */
export function decodeRegistryConfig(header: string | undefined): CredentialConfig {
  const json =
    header === undefined || header === '' ? {} : (parseJson(decodeBase64(header, 'X-Registry-Config header'), 'invalid X-Registry-Config header') ?? {});
  const auths = Object.entries(record(json)).map(([server, value]) => [server, authOf(server, record(value))] as const);
  return { auths: new Map(auths), credsStore: undefined, credHelpers: new Map() };
}

function authOf(server: string, json: Readonly<Record<string, unknown>>): Credentials {
  const text = (key: string) => (typeof json[key] === 'string' && json[key] !== '' ? json[key] : undefined);
  const auth = text('auth');
  const pair = auth === undefined ? undefined : splitAuth(server, auth);
  return {
    username: pair?.username ?? text('username'),
    password: pair?.password ?? text('password'),
    identityToken: text('identitytoken'),
    registryToken: text('registrytoken'),
  };
}

function splitAuth(server: string, auth: string): { username: string; password: string } {
  const pair = decodeBase64(auth, `auth of ${JSON.stringify(server)}`).toString();
  const colon = pair.indexOf(':');
  if (colon < 1) throw invalid('invalid auth configuration file');
  // Docker of old padded them
  return { username: pair.slice(0, colon), password: pair.slice(colon + 1).replace(/\0+$/, '') };
}

function usable(credentials: Credentials): Credentials | undefined {
  const { username, identityToken, registryToken } = credentials;
  return username === undefined && identityToken === undefined && registryToken === undefined ? undefined : credentials;
}

function hostOf(key: string): string {
  const host = key
    .replace(/^https?:\/\//, '')
    .split('/')[0]!
    .toLowerCase();
  return host === DEFAULT_DOMAIN ? 'index.docker.io' : host;
}

function decodeBase64(text: string, what: string): Buffer {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text.trim())) throw invalid(`invalid ${what}: it is not base64`);
  return Buffer.from(text.trim(), 'base64url');
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('docker config file: an object is missing where one must be');
  return value as Readonly<Record<string, unknown>>;
}
