/** What requests about images carry. */
import type { Credentials } from '../engine/images-contract.ts';
import { parsePlatform } from '../image/platform.ts';

/** `X-Registry-Auth`: also of nobody, since some daemons want it. */
export function authHeader({ username, password, identityToken, registryToken }: Credentials = {}): Record<string, string> {
  const json = JSON.stringify({ username, password, identitytoken: identityToken, registrytoken: registryToken });
  // Go wants the padding
  return { 'x-registry-auth': Buffer.from(json).toString('base64').replaceAll('+', '-').replaceAll('/', '_') };
}

/** `linux/arm64/v8`, or a part of it, as the JSON that most requests want. Throws `invalid`. */
export function platformJson(platform: string | undefined): object | undefined {
  if (platform === undefined) return undefined;
  return parsePlatform(platform);
}
