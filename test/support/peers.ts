/** Real engines to test against, where this machine has them at hand. Nothing of the product depends on them. */
import { existsSync } from 'node:fs';
import { projectDir } from './paths.ts';
import { run } from './run.ts';

const PEERS = `${projectDir}/../shared/peers/peers`;

/** Why there are no peers here; undefined when there are. */
export function noPeers(): string | undefined {
  return existsSync(PEERS) ? undefined : 'real Docker and Podman are not at hand here (../shared/peers)';
}

/** Starts one of the peers with this project's folder shown inside. */
export async function peers(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  for (let tries = 1; ; tries++) {
    const { code, stdout, stderr } = await run(PEERS, args, { env: { ...process.env, BIND: projectDir, ...env }, timeoutMs: 300_000 });
    if (code === 0) return stdout.trim();
    // the wire of one that was just stopped goes a moment later
    if (tries === 5) throw new Error(`peers ${args.join(' ')}: ${stderr || stdout}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
