/** Certificates for a daemon behind TLS, as docker's variables name them. */
import { existsSync, readFileSync } from 'node:fs';
import type { SecureContextOptions } from 'node:tls';

/** $DOCKER_TLS_VERIFY and $DOCKER_CERT_PATH; undefined without TLS. */
export function clientTls(
  env: Readonly<Record<string, string | undefined>>,
  url: string,
): (SecureContextOptions & { rejectUnauthorized?: boolean }) | undefined {
  const verify = Boolean(env['DOCKER_TLS_VERIFY']);
  const folder = env['DOCKER_CERT_PATH'] || (verify ? env['DOCKER_CONFIG'] || `${env['HOME'] ?? ''}/.docker` : undefined);
  if (!verify && folder === undefined && !url.startsWith('https:')) return undefined;
  if (url.startsWith('unix:')) return undefined;
  const pem = (name: string) =>
    folder !== undefined && existsSync(`${folder}/${name}`) ? { [name.replace('.pem', '')]: readFileSync(`${folder}/${name}`) } : {};
  return { ...pem('ca.pem'), ...pem('cert.pem'), ...pem('key.pem'), ...(verify ? {} : { rejectUnauthorized: false }) };
}
