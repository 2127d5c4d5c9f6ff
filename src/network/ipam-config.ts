/** The subnets that somebody asks for a network: what of them makes no sense. In Docker's words. */
import { invalid } from '../base/errors.ts';
import { contains, covers, formatPrefix, parseAddress, parseCidr, type Prefix } from './address.ts';
import type { IpamConfig } from './contract.ts';

/** Throws `invalid` with everything that is wrong. */
export function checkIpamConfigs(configs: readonly IpamConfig[]): void {
  const faults = configs.flatMap(faultsOf);
  if (faults.length > 0) throw invalid(`invalid network config:\n${joinedFaults(faults)}`);
}

/** One fault as it is, several as a list: how Docker joins errors. */
export function joinedFaults(faults: readonly string[]): string {
  return faults.length === 1 ? faults[0]! : faults.map((fault) => `* ${fault}`).join('\n');
}

function faultsOf({ Subnet = '', IPRange = '', Gateway = '', AuxiliaryAddresses = {} }: IpamConfig): string[] {
  const subnet = parseCidr(Subnet);
  if (subnet === undefined) return [`invalid subnet ${Subnet}: invalid CIDR block notation`];
  const { prefix, address } = subnet;
  return [
    ...(address.value === prefix.first ? [] : [`invalid subnet ${Subnet}: it should be ${formatPrefix(prefix)}`]),
    ...rangeFaults(IPRange, prefix),
    ...(Gateway === '' ? [] : addressFaults(`gateway ${Gateway}`, Gateway, prefix)),
    ...Object.entries(AuxiliaryAddresses).flatMap(([name, text]) => addressFaults(`auxiliary address ${name}`, text, prefix)),
  ];
}

function rangeFaults(text: string, subnet: Prefix): string[] {
  if (text === '') return [];
  const fail = (why: string) => [`invalid ip-range ${text}: ${why}`];
  const range = parseCidr(text);
  if (range === undefined) return fail('invalid CIDR block notation');
  if (range.prefix.family !== subnet.family) return fail(`parent subnet is an IPv${subnet.family} block`);
  if (range.prefix.length < subnet.length) return fail(`CIDR block is bigger than its parent subnet ${formatPrefix(subnet)}`);
  if (range.address.value !== range.prefix.first) return fail(`it should be ${formatPrefix(range.prefix)}`);
  return covers(subnet, range.prefix) ? [] : fail(`parent subnet ${formatPrefix(subnet)} doesn't contain ip-range`);
}

function addressFaults(what: string, text: string, subnet: Prefix): string[] {
  const address = parseAddress(text);
  if (address === undefined) return [`invalid ${what}: invalid address`];
  if (address.family !== subnet.family) return [`invalid ${what}: parent subnet is an IPv${subnet.family} block`];
  return contains(subnet, address) ? [] : [`invalid ${what}: parent subnet ${formatPrefix(subnet)} doesn't contain this address`];
}
