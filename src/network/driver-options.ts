/** What drivers can be told of a network. In Docker's words where that makes no sense. */
import { parseBool } from '../base/parse-bool.ts';
import { isIP } from 'node:net';
import { invalid, type EngineError } from '../base/errors.ts';
import type { HostNetworks } from '../kernel/host-networks-contract.ts';
import type { NetworkDriverName, NetworkRecord } from './contract.ts';

const BRIDGE = 'com.docker.network.bridge.';
const BRIDGE_NAME = `${BRIDGE}name`;
export const MTU = 'com.docker.network.driver.mtu';
/** Of one endpoint: sysctls of its interface. */
export const SYSCTLS = 'com.docker.network.endpoint.sysctls';
/** Interfaces of the host, with `:` between, from which published ports are reached at the containers' own addresses. */
export const TRUSTED = `${BRIDGE}trusted_host_interfaces`;
export const IFACE_PREFIX = 'com.docker.network.container_iface_prefix';
/** How a network's addresses are reached from outside. */
export const GATEWAY_MODE: Readonly<Record<4 | 6, string>> = { 4: `${BRIDGE}gateway_mode_ipv4`, 6: `${BRIDGE}gateway_mode_ipv6` };

const GATEWAY_MODES = ['nat', 'nat-unprotected', 'routed', 'isolated'];
const FLAGS = [`${BRIDGE}enable_icc`, `${BRIDGE}enable_ip_masquerade`, `${BRIDGE}inhibit_ipv4`, `${BRIDGE}default_bridge`];
const ADDRESSES = [`${BRIDGE}host_binding_ipv4`, 'com.docker.network.host_ipv4', 'com.docker.network.host_ipv6'];
/** The kernel's own limits of a bridge. */
const [LEAST_MTU, MOST_MTU] = [68, 65_535];
/** netdevice(7): 16 bytes with the final zero. */
const MAX_NAME = 15;

/** Whether the kernel takes it as the name of an interface. */
export function isInterfaceName(text: string): boolean {
  return text !== '' && Buffer.byteLength(text) <= MAX_NAME && !/[\s/:\0]/.test(text) && text !== '.' && text !== '..';
}

/**
 * Throws `invalid` for options of the driver's that make no sense. What it does not know is kept, as Docker keeps it.
 * The name of an interface that the host has says nothing of a VLAN.
 */
export function checkDriverOptions(
  driver: NetworkDriverName,
  { options, internal }: Pick<NetworkRecord, 'options' | 'internal'>,
  hasInterface: HostNetworks['hasInterface'],
): void {
  if (driver === 'bridge') checkBridge(options, internal);
  if (driver === 'macvlan' || driver === 'ipvlan') checkVlan(driver, options, hasInterface);
}

function failed(key: string, value: string, why: string): EngineError {
  return invalid(`failed to parse ${key} value: ${value} (${why})`);
}

function checkBridge(options: NetworkRecord['options'], internal: boolean): void {
  for (const [key, value] of Object.entries(options)) {
    if (FLAGS.includes(key) && parseBool(value) === undefined) throw failed(key, value, `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
    if (ADDRESSES.includes(key) && isIP(value) === 0) throw failed(key, value, 'nil ip');
    if (key === MTU) checkMtu(value);
    if (Object.values(GATEWAY_MODE).includes(key)) {
      if (!GATEWAY_MODES.includes(value)) throw failed(key, value, `unknown gateway mode ${value}`);
      if (value === 'isolated' && !internal) throw invalid("gateway mode 'isolated' can only be used for an internal network");
    }
    if (key === BRIDGE_NAME && value !== '' && !isInterfaceName(value))
      throw invalid(`invalid bridge name ${JSON.stringify(value)}: it is no name of an interface`);
    if (key === TRUSTED)
      for (const name of value.split(':')) if (!isInterfaceName(name)) throw failed(key, value, `${JSON.stringify(name)} is no name of an interface`);
    // eth, and a number of up to five digits
    if (key === IFACE_PREFIX && value !== '' && !isInterfaceName(`${value}00000`))
      throw invalid(`invalid prefix ${JSON.stringify(value)} of interfaces: the names that it makes are none`);
  }
}

function checkMtu(value: string): void {
  if (!/^[+-]?\d+$/.test(value)) throw failed(MTU, value, `strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
  const mtu = Number(value);
  if (mtu < 0) throw invalid(`invalid MTU number: ${mtu}`);
  // 0 is Docker's default
  if (mtu !== 0 && (mtu < LEAST_MTU || mtu > MOST_MTU)) throw invalid(`invalid MTU number: ${mtu}: it is ${LEAST_MTU} to ${MOST_MTU}`);
}

const MODES: Readonly<Record<string, readonly string[]>> = {
  macvlan_mode: ['bridge', 'private', 'vepa', 'passthru'],
  ipvlan_mode: ['l2', 'l3', 'l3s'],
  ipvlan_flag: ['bridge', 'private', 'vepa'],
};

function checkVlan(driver: 'macvlan' | 'ipvlan', options: NetworkRecord['options'], hasInterface: HostNetworks['hasInterface']): void {
  for (const [key, value] of Object.entries(options)) {
    if (value === '' || !key.startsWith(driver) || MODES[key]?.includes(value) !== false) continue;
    const usual = key === 'ipvlan_flag' ? 'bridge' : MODES[key]![0]!;
    throw invalid(
      key === 'ipvlan_flag'
        ? `requested ipvlan flag '${value}' is not valid, '${usual}' is the ipvlan driver default`
        : `requested ${driver} mode '${value}' is not valid, '${usual}' mode is the ${driver} driver default`,
    );
  }
  const parent = options['parent'] ?? '';
  if (parent === '') return;
  if (parent === 'lo') throw invalid(`loopback interface is not a valid ${driver} parent link`);
  if (hasInterface(parent)) return;
  const [, of, vlan] = /^(.+)\.([^.]*)$/.exec(parent) ?? [];
  if (of === undefined || vlan === undefined || !isInterfaceName(parent))
    throw invalid(`invalid subinterface vlan name ${parent}, example formatting is eth0.10`);
  if (!/^\d+$/.test(vlan)) throw invalid(`unable to parse a valid vlan id from: ${vlan} (ex. eth0.10 for vlan 10)`);
  if (Number(vlan) < 1 || Number(vlan) > 4094) throw invalid(`vlan id must be between 1-4094, received: ${vlan}`);
  if (!hasInterface(of)) throw invalid(`-o parent interface was not found on the host: ${of}`);
}

/** The name of a bridge on the host: what was asked for, or by the network's id, as `br-9f86d081884c`. */
export function bridgeName({ id, options }: Pick<NetworkRecord, 'id' | 'options'>): string {
  return options[BRIDGE_NAME] || `br-${id.slice(0, 12)}`;
}
