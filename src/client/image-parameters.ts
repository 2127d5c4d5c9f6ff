/** What requests about images carry. */
import { invalid } from '../base/errors.ts';
import type { Credentials } from '../engine/images-contract.ts';

/** `X-Registry-Auth`: also of nobody, since some daemons want it. */
export function authHeader({ username, password, identityToken, registryToken }: Credentials = {}): Record<string, string> {
  const json = JSON.stringify({ username, password, identitytoken: identityToken, registrytoken: registryToken });
  // Go wants the padding
  return { 'x-registry-auth': Buffer.from(json).toString('base64').replaceAll('+', '-').replaceAll('/', '_') };
}

/** `linux/arm64/v8` as the JSON that most requests want. Throws `invalid`. */
export function platformJson(platform: string | undefined): object | undefined {
  if (platform === undefined) return undefined;
  const [os, architecture, variant, ...more] = platform.split('/');
  if (!os || !architecture || more.length > 0) throw invalid(`${JSON.stringify(platform)}: cannot parse platform specifier: invalid argument`);
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}
