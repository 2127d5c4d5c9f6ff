/** Real engines to test against, where this machine has them at hand. Nothing of the product depends on them. */
import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectDir } from './paths.ts';
import { run } from './run.ts';
import { mountsBelow } from './temp.ts';

const PEERS = `${projectDir}/../shared/peers/peers`;

/** Why there are no peers here; undefined when there are. */
export function noPeers(): string | undefined {
  if (process.env['KOBAKO_VM']) return 'real engines are not brought into the virtual machine';
  return existsSync(PEERS) ? undefined : 'real Docker and Podman are not at hand here (../shared/peers)';
}

const NETNS = '/run/netns';
const left = leftByEngines();
const hadNetns = mountsBelow(NETNS).length > 0;

/** Runs the script with this project's folder shown inside. `down` also removes what real engines leave behind them. */
export async function peers(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  for (let tries = 1; ; tries++) {
    const { code, stdout, stderr } = await run(PEERS, args, { env: { ...process.env, BIND: projectDir, ...env }, timeoutMs: 300_000 });
    if (code === 0) {
      if (args[0] === 'down') await cleanUp();
      if (args[0] === 'docker') await emptied(stdout.trim().replace('unix://', ''));
      return stdout.trim();
    }
    // the wire of one that was just stopped goes a moment later
    if (tries === 5) throw new Error(`peers ${args.join(' ')}: ${stderr || stdout}`);
    await sleep(1000);
  }
}

/** What an earlier run left in dockerd goes, but for its images: somebody may have been killed. */
async function emptied(socketPath: string): Promise<void> {
  const ask = (method: string, path: string) =>
    new Promise<string>((resolve, reject) => {
      const asked = request({ socketPath, method, path, agent: false }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => (text += String(chunk)));
        answer.on('end', () => resolve(text));
      });
      asked.on('error', reject).end();
    });
  const containers = JSON.parse(await ask('GET', '/containers/json?all=1')) as readonly { Id: string }[];
  for (const { Id } of containers) await ask('DELETE', `/containers/${Id}?force=1&v=1`);
  for (const path of ['/networks/prune', '/volumes/prune?filters={"all":["true"]}', '/build/prune?all=1']) await ask('POST', path);
}

/** The cgroups that dockerd and Podman make for their containers and never remove. */
function leftByEngines(): string[] {
  const folders = ['docker', 'libpod_parent'].flatMap((name) => ['', ...readdirSync('/sys/fs/cgroup')].map((tree) => `/sys/fs/cgroup/${tree}/${name}`));
  return folders.filter((folder) => existsSync(folder));
}

async function cleanUp(): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    for (const folder of leftByEngines()) if (!left.includes(folder)) removeTree(folder);
    if (leftByEngines().length <= left.length) break;
    await sleep(100); // an engine that was told to stop takes a moment
  }
  // the kernel takes their wires down a moment later; a new one that came before that would lose its address
  const wired = () => Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => /^10\.233\.[12]\.1$/.test(address)));
  for (let tries = 0; tries < 50 && wired(); tries++) await sleep(100);
  if (!hadNetns && mountsBelow(NETNS).length > 0 && readdirSync(NETNS).length === 0) await run('umount', ['--lazy', NETNS]);
}

function removeTree(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) removeTree(`${folder}/${entry.name}`);
    rmdirSync(folder);
  } catch {
    // in use still, or gone already
  }
}
