/** dockerode on our daemon, and on a real dockerd. */
import { after } from 'node:test';
import Docker from 'dockerode';
import { daemonForAll } from '../support/daemon.ts';
import { noPeers, peers } from '../support/peers.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run, runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';
import { dockerodeSuite } from './dockerode.suite.ts';

const daemon = await daemonForAll();
let usesPeers = false;
after(async () => {
  if (usesPeers) await peers(['down']);
});

dockerodeSuite('dockerode on kobako', false, async () => new Docker({ socketPath: daemon.socket }));

dockerodeSuite('dockerode on dockerd 28', noPeers() ?? false, async () => {
  usesPeers = true;
  const folder = tempFor({ after });
  const host = await peers(['docker'], { BIND: folder });
  await peers(['clients', folder]);
  await runOk('tar', ['-C', await busyboxRootfs(), '-cf', `${folder}/busybox.tar`, '.']);
  await run(`${folder}/docker`, ['import', `${folder}/busybox.tar`, 'busybox:latest'], { env: { ...process.env, DOCKER_HOST: host } });
  return new Docker({ socketPath: host.replace('unix://', '') });
});
