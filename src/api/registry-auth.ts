/** Who a client is to a registry: the header `X-Registry-Auth`, and the body of `/auth`. */
import { invalid } from '../base/errors.ts';
import type { Credentials, RegistryLogin } from '../engine/images-contract.ts';
import { decode, partial, text, type Decoded } from './decode.ts';

const AUTH_CONFIG = partial('registry.AuthConfig', {
  username: text(),
  password: text(),
  auth: text(),
  serveraddress: text(),
  identitytoken: text(),
  registrytoken: text(),
});

/** Base64 of JSON. Nobody where there is none, and, as dockerd has it, where it cannot be read. */
export function registryAuth(header: string | undefined): Credentials {
  if (header === undefined || header === '') return {};
  try {
    return credentialsOf(decode(AUTH_CONFIG, JSON.parse(Buffer.from(header, 'base64').toString())));
  } catch {
    return {};
  }
}

/** The body of `POST /auth`. Throws `invalid`. */
export function loginOf(body: unknown): RegistryLogin {
  if (body === undefined) throw invalid('EOF');
  const config = decode(AUTH_CONFIG, body);
  return { ...credentialsOf(config), serverAddress: config.serveraddress ?? '' };
}

function credentialsOf({ username, password, auth, identitytoken, registrytoken }: Decoded<typeof AUTH_CONFIG>): Credentials {
  // `auth` is both, as in a config file
  const [, user, secret] = /^([^:]+):(.*)$/s.exec(Buffer.from(auth ?? '', 'base64').toString()) ?? [];
  const some = (value: string | undefined) => (value === '' ? undefined : value);
  return {
    username: some(username) ?? user,
    password: some(password) ?? secret,
    identityToken: some(identitytoken),
    registryToken: some(registrytoken),
  };
}
