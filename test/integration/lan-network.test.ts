/** Macvlan and ipvlan networks on the real kernel: neighbours of the host's on a wire, and those on a VLAN of it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test, type TestContext } from 'node:test';
import { EngineError } from '../../src/base/errors.ts';
import type { NetworkNamespace } from '../../src/kernel/network-contract.ts';
import type { Endpoint, NetworkRecord } from '../../src/network/contract.ts';
import { lanDriver } from '../../src/network/lan/driver.ts';
import { ask, bridgeRecord, netLab, type NetLab } from '../support/net-lab.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

type Driver = 'macvlan' | 'ipvlan';

function lan(lab: NetLab, driver: Driver, options: Readonly<Record<string, string>>, subnet = '10.5.0.0/24', gateway = '10.5.0.9') {
  const network: NetworkRecord = {
    ...bridgeRecord(),
    driver,
    options,
    ipam: { driver: 'default', options: null, config: [{ Subnet: subnet, Gateway: gateway }] },
  };
  const made = lanDriver(driver, { kernel: lab.kernel, mark: 'kobako test' });
  const container = async (last: number): Promise<{ namespace: NetworkNamespace; endpoint: Endpoint; address: string }> => {
    const address = subnet.replace(/\.0\/.*/, `.${last}`);
    const endpoint: Endpoint = {
      id: createHash('sha256').update(`${network.id} ${last}`).digest('hex'),
      networkId: network.id,
      containerId: '0'.repeat(64),
      mac: `02:42:00:00:00:0${last}`,
      ipv4: `${address}/24`,
      gateway4: gateway,
      interfaceName: 'eth0',
      ports: [],
    };
    const namespace = lab.namespace();
    await made.attach(network, endpoint, namespace);
    lab.serve(namespace, address, 80);
    return { namespace, endpoint, address };
  };
  return { network, driver: made, container };
}

/** A host with a neighbour, 10.5.0.9, on its interface lan0, whose server says who asked. */
function town(): { lab: NetLab; neighbour: NetworkNamespace } {
  const lab = netLab();
  const neighbour = lab.neighbour('lan0', '10.5.0.1/24', '10.5.0.9/24');
  lab.serve(neighbour, '10.5.0.9', 80);
  return { lab, neighbour };
}

/** True where the kernel cannot; the test then says so. */
async function missing(t: TestContext, make: () => unknown): Promise<boolean> {
  try {
    await make();
    return false;
  } catch (error) {
    if (!(error instanceof EngineError && error.kind === 'unavailable')) throw error;
    t.skip(error.message.replace(/^network \S+: /, ''));
    return true;
  }
}

describe('networks that are slices of an interface of the host', { skip }, () => {
  for (const driver of ['macvlan', 'ipvlan'] as const) {
    test(`${driver}: neighbours reach containers and the other way round, the host does not`, async (t) => {
      const { lab, neighbour } = town();
      using _ = lab;
      const one = lan(lab, driver, { parent: 'lan0' });
      if (await missing(t, () => one.container(7))) return;
      const [a, b] = [await one.container(2), await one.container(3)];
      assert.equal(await ask(a.namespace, '10.5.0.9', 80), a.address);
      assert.equal(await ask(neighbour, a.address, 80), '10.5.0.9');
      assert.equal(await ask(a.namespace, b.address, 80), a.address);
      assert.match(await ask(lab.host, a.address, 80), /^(nothing|EHOSTUNREACH)$/);
      await one.driver.detach(one.network, a.endpoint, a.namespace);
      assert.equal(a.namespace.link('eth0'), undefined);
      assert.equal(await ask(neighbour, b.address, 80), '10.5.0.9', 'the other goes on');
      await one.driver.down(one.network);
      assert.ok(lab.host.link('lan0') !== undefined, 'the interface of the user stays');
    });
  }

  test('macvlan, private: not among containers', async () => {
    const { lab, neighbour } = town();
    using _ = lab;
    const one = lan(lab, 'macvlan', { parent: 'lan0', macvlan_mode: 'private' });
    const [a, b] = [await one.container(2), await one.container(3)];
    assert.equal(await ask(neighbour, a.address, 80), '10.5.0.9');
    assert.match(await ask(a.namespace, b.address, 80), /^(nothing|EHOSTUNREACH)$/);
  });

  for (const mode of ['l3', 'l3s'])
    test(`ipvlan, ${mode}: the host routes`, async (t) => {
      const { lab, neighbour } = town();
      using _ = lab;
      const one = lan(lab, 'ipvlan', { parent: 'lan0', ipvlan_mode: mode }, '10.6.0.0/24', '10.6.0.1');
      if (await missing(t, () => one.container(7))) return;
      neighbour.change([{ op: 'route-add', route: { to: '10.6.0.0/24', via: '10.5.0.1', link: 'eth0' } }]);
      const [a, b] = [await one.container(2), await one.container(3)];
      assert.equal(await ask(a.namespace, b.address, 80), a.address);
      assert.equal(await ask(neighbour, a.address, 80), '10.5.0.9');
      assert.equal(await ask(a.namespace, '10.5.0.9', 80), a.address);
    });

  test('a VLAN of an interface is made, and goes with the network', async (t) => {
    const { lab, neighbour } = town();
    using _ = lab;
    const one = lan(lab, 'macvlan', { parent: 'lan0.50' }, '10.7.0.0/24', '10.7.0.9');
    if (await missing(t, () => one.driver.up(one.network))) return;
    neighbour.change([
      { op: 'link-add', link: { kind: 'vlan', name: 'v50', parent: 'eth0', id: 50 } },
      { op: 'address-add', address: { link: 'v50', address: '10.7.0.9/24', nodad: true } },
      { op: 'link-set', link: 'v50', settings: { up: true } },
    ]);
    lab.serve(neighbour, '10.7.0.9', 80);
    const a = await one.container(2);
    assert.equal(await ask(a.namespace, '10.7.0.9', 80), a.address);
    assert.equal(await ask(neighbour, a.address, 80), '10.7.0.9');
    await one.driver.detach(one.network, a.endpoint, a.namespace);
    await one.driver.down(one.network);
    assert.equal(lab.host.link('lan0.50'), undefined);
  });
});
