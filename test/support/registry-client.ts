/** The registry client with the patience of a test. */
import type { Credentials, RegistryOptions, Repository } from '../../src/image/contract.ts';
import { parseReference } from '../../src/image/reference.ts';
import { Registries } from '../../src/image/registry/registries.ts';

/** Without proxies, certificates or waits of this machine's. */
export const QUICK: RegistryOptions = {
  env: {},
  certsDir: '/nonexistent',
  timeouts: { connect: 5_000, headers: 5_000, idle: 5_000, small: 10_000 },
  retries: { attempts: 4, baseMs: 5, maxWaitMs: 2_000 },
};

export function openRepository(t: { after(hook: () => void): void }, name: string, options: RegistryOptions = {}, credentials?: Credentials): Repository {
  const registries = new Registries({ ...QUICK, ...options });
  t.after(() => registries.close());
  return registries.repository(parseReference(name), credentials);
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

export function chunksOf(bytes: Buffer, size = 64 << 10): (offset: number) => AsyncIterable<Buffer> {
  return async function* (offset) {
    for (let at = offset; at < bytes.length; at += size) yield bytes.subarray(at, Math.min(at + size, bytes.length));
  };
}
