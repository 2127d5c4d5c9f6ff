/** The docker command on our daemon, and on a real dockerd. */
import { after } from 'node:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { daemonFor } from '../support/daemon.ts';
import { noPeers, peers } from '../support/peers.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run, runOk } from '../support/run.ts';
import { dockerSession, type DockerGround } from './docker-session.suite.ts';

const missing = noPeers() ?? false;
const hooks: (() => unknown)[] = [];
const folder = mkdtempSync(`${tmpdir()}/kobako-test-docker-`);
let usesPeers = false;

function groundOf(host: string, name: string): DockerGround {
  const env = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: `${folder}/cli` };
  mkdirSync(`${folder}/${name}`);
  return {
    folder: `${folder}/${name}`,
    image: 'busybox:latest',
    docker: (args, input) => run(`${folder}/docker`, args, { env, timeoutMs: 60_000, ...(input === undefined ? {} : { input }) }),
  };
}

after(async () => {
  if (usesPeers) await peers(['down']);
  for (const hook of hooks) await hook();
  rmSync(folder, { recursive: true, force: true });
});

dockerSession('the docker command on kobako', missing, async () => {
  await peers(['clients', folder]);
  return groundOf((await daemonFor({ after: (hook) => void hooks.push(hook) })).host, 'kobako');
});

dockerSession('the docker command on dockerd 28', missing, async () => {
  usesPeers = true;
  const ground = groundOf(await peers(['docker'], { BIND: folder }), 'dockerd');
  await runOk('tar', ['-C', await busyboxRootfs(), '-cf', `${folder}/busybox.tar`, '.']);
  await ground.docker(['import', `${folder}/busybox.tar`, 'busybox:latest']);
  return ground;
});
