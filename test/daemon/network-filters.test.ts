/** Networks beside what administrators' programs make: Debian's own iptables and nft, as ufw and firewalld use them. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { until } from '../support/monitored.ts';
import { daemonAlone, fetchIn, sh } from '../support/net-host.ts';
import { filterPrograms } from '../support/network-ground.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const OUTSIDE = '10.91.0.2';
const PORT = 18_401;

/** As firewalld 2 has them, in short. */
const FIREWALLD = `table inet firewalld {
  chain filter_FORWARD_POLICIES { reject with icmpx admin-prohibited; }
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state established,related accept
    iifname "lo" accept
    jump filter_FORWARD_POLICIES
    ct state invalid drop
    reject with icmpx admin-prohibited
  }
  chain filter_INPUT {
    type filter hook input priority filter + 10; policy accept;
    ct state established,related accept
    iifname "lo" accept
    reject with icmpx admin-prohibited
  }
}`;

describe('networks beside other programs’ filters', { skip }, () => {
  for (const order of ['before', 'after'] as const) {
    test(`ufw’s rules and firewalld’s, made ${order} the network`, { timeout: 120_000 }, async (t) => {
      const alone = await daemonAlone(t);
      const { lab, host, daemon } = alone;
      const program = await filterPrograms(t);
      if (program === undefined) return;
      const outside = lab.neighbour('wire', '10.91.0.1/24', `${OUTSIDE}/24`);
      lab.serve(outside, OUTSIDE, 80);
      const iptables = (...args: string[]) => program(host, 'iptables', ...args);
      const filters = () => {
        iptables('-P', 'FORWARD', 'DROP');
        for (const chain of ['ufw-before-forward', 'ufw-reject-forward']) iptables('-N', chain);
        iptables('-A', 'FORWARD', '-j', 'ufw-before-forward');
        iptables('-A', 'FORWARD', '-j', 'ufw-reject-forward');
        iptables('-A', 'ufw-before-forward', '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT');
        iptables('-A', 'ufw-reject-forward', '-j', 'REJECT');
        writeFileSync(`${daemon.folder}/firewalld.nft`, FIREWALLD);
        program(host, 'nft', '-f', `${daemon.folder}/firewalld.nft`);
      };
      if (order === 'before') filters();
      const web = ['sh', '-c', 'mkdir -p /www && echo yes > /www/index.html && exec httpd -f -p 80 -h /www'];
      const id = await daemon.run({
        Cmd: web,
        ExposedPorts: { '80/tcp': {} },
        HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: String(PORT) }] } },
      });
      if (order === 'after') filters();
      const works = async (what: string) => {
        await until(what, async () => (await fetchIn(outside, '10.91.0.1', PORT, 1)) === 'yes');
        assert.match(await sh(daemon, id, `nc -w 2 ${OUTSIDE} 80 < /dev/null`), /10\.91\.0\.1/);
      };
      await works('reached, and goes out');
      assert.match(iptables('-S', 'FORWARD'), /^-P FORWARD DROP/, 'iptables reads its chain with our rules in it');
      iptables('-F', 'FORWARD');
      await works('somebody flushed the chain');
      assert.equal((await daemon.api.delete(`/v1.51/containers/${id}?force=1`)).status, 204);
      await daemon.stop();
      assert.doesNotMatch(iptables('-S', 'FORWARD'), /kobako/);
      assert.doesNotMatch(program(host, 'nft', 'list', 'ruleset'), /kobako/);
    });
  }
});
