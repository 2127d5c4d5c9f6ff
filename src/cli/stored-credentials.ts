/** What docker's config file and its credential helpers know of a registry. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import type { Credentials } from '../engine/images-contract.ts';
import { findCredentials, parseCredentialConfig } from '../image/registry/credentials.ts';
import { credentialHelper } from '../kernel/linux/credential-helper.ts';

/** Undefined for nobody. Throws `unavailable` when a helper fails, `invalid` for a config that is none. */
export async function storedCredentials(env: Readonly<Record<string, string | undefined>>, domain: string): Promise<Credentials | undefined> {
  const path = `${env['DOCKER_CONFIG'] || `${env['HOME'] || homedir()}/.docker`}/config.json`;
  if (!existsSync(path)) return undefined;
  return findCredentials(parseCredentialConfig(readFileSync(path)), domain, credentialHelper);
}
