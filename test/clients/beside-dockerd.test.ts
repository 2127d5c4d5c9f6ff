/** A real dockerd 28 and our daemon on one host: both keep their containers' ports, ways out and isolation, whoever came first. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { daemonFor, type TestDaemon } from '../support/daemon.ts';
import { fetchIn, sh } from '../support/net-host.ts';
import { netLab, type NetLab } from '../support/net-lab.ts';
import { noPeers, peers } from '../support/peers.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run, runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const IMAGE = 'kobako-test-busybox';
const NAME = 'peers-docker';
const [THEIRS, OURS] = [18_301, 18_302];
const web = (name: string) => ['sh', '-c', `mkdir -p /www && echo ${name} > /www/index.html && exec httpd -f -p 80 -h /www`];

/** Forty seconds, which a run of all tests has not. */
const skip = noPeers() ?? (process.env['KOBAKO_APPS'] === 'both' ? false : 'forty seconds more: KOBAKO_APPS=both');

for (const first of ['dockerd', 'kobako'] as const) {
  describe(`beside dockerd 28, ${first} first`, { skip }, () => {
    const hooks: (() => unknown)[] = [];
    const t = { after: (hook: () => unknown) => void hooks.push(hook) };
    let [lab, daemon, docker] = [] as unknown as [NetLab, TestDaemon, (...args: string[]) => Promise<string>];
    before(async () => {
      const folder = tempFor(t);
      await peers(['clients', folder]);
      await peers(['down']);
      // the script takes a namespace that is there
      await runOk('ip', ['netns', 'add', NAME]);
      lab = netLab(`/run/netns/${NAME}`);
      lab.host.change([{ op: 'link-set', link: 'lo', settings: { up: true } }]);
      const dockerd = async () => {
        const DOCKER_HOST = await peers(['docker']);
        docker = async (...args) => {
          const { code, stdout, stderr } = await run(`${folder}/docker`, args, { env: { ...process.env, DOCKER_HOST, DOCKER_CONFIG: folder } });
          assert.equal(code, 0, `docker ${args.join(' ')}: ${stderr}`);
          return stdout.trim();
        };
        await runOk('sh', ['-c', `tar -C ${await busyboxRootfs()} -c . | DOCKER_HOST=${DOCKER_HOST} ${folder}/docker import - ${IMAGE}`]);
        await docker('run', '-d', '--name', 'theirs', '-p', `${THEIRS}:80`, IMAGE, ...web('theirs'));
      };
      const kobako = async () => {
        // dockerd takes the subnet that it had the last time, whoever has it now
        daemon = await daemonFor(t, first === 'kobako' ? ['--bip', '10.219.0.1/16'] : [], lab.host);
        const HostConfig = { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: String(OURS) }] } };
        await daemon.run({ Cmd: web('ours'), ExposedPorts: { '80/tcp': {} }, HostConfig }, 'ours');
      };
      for (const start of first === 'dockerd' ? [dockerd, kobako] : [kobako, dockerd]) await start();
      // our daemon looks at others' filters each second
      await new Promise((resolve) => setTimeout(resolve, 1500));
    });
    after(async () => {
      await docker?.('rm', '-f', 'theirs').catch(() => {});
      await docker?.('image', 'rm', '-f', IMAGE).catch(() => {});
      for (const hook of hooks.toReversed()) await hook();
      lab?.[Symbol.dispose]();
      await peers(['down']);
    });

    const address = async () => ({
      theirs: await docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'theirs'),
      ours: ((await daemon.api.get('/v1.51/containers/ours/json')).json as { NetworkSettings: { IPAddress: string } }).NetworkSettings.IPAddress,
    });
    const inTheirs = (script: string) => docker('exec', 'theirs', 'sh', '-c', script);

    const all = async (outside: Parameters<typeof fetchIn>[0], at: string) => {
      for (const [port, name] of [
        [THEIRS, 'theirs'],
        [OURS, 'ours'],
      ] as const) {
        assert.equal(await fetchIn(lab.host, '127.0.0.1', port), name, 'from the host');
        assert.equal(await fetchIn(outside, at, port), name, 'from outside');
        assert.equal(await sh(daemon, 'ours', `wget -qO- http://${at}:${port}/`), name, 'from ours');
        assert.equal(await inTheirs(`wget -qO- http://${at}:${port}/`), name, 'from theirs');
      }
    };

    test('ports from everywhere, ways out, and no way to each other', async () => {
      const outside = lab.neighbour('wire', '10.91.0.1/24', '10.91.0.2/24');
      lab.serve(outside, '10.91.0.2', 80);
      await all(outside, '10.91.0.1');
      assert.match(await sh(daemon, 'ours', 'nc -w 2 10.91.0.2 80 < /dev/null'), /10\.91\.0\.1/);
      assert.match(await inTheirs('nc -w 2 10.91.0.2 80 < /dev/null'), /10\.91\.0\.1/);
      const { theirs, ours } = await address();
      assert.notEqual(theirs.split('.', 2).join(), ours.split('.', 2).join(), 'subnets of their own');
      assert.match(await sh(daemon, 'ours', `timeout 2 wget -qO- http://${theirs}/ || echo no`), /no$/);
      assert.match(await inTheirs(`timeout 2 wget -qO- http://${ours}/ || echo no`), /no$/);
      for (const at of [theirs, ours]) {
        outside.change([{ op: 'route-add', replace: true, route: { to: `${at}/32`, via: '10.91.0.1', link: 'eth0' } }]);
        assert.equal(await fetchIn(outside, at, 80, 1), '', 'not from outside at its own address');
      }
      await daemon.stop();
      await daemon.start();
      await all(outside, '10.91.0.1');
    });
  });
}
