/** What of the host's networks is in the way of containers', and what was left of networks. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { DoctorNetworkFacts } from '../kernel/linux/doctor-network-facts.ts';
import type { Finding } from './doctor.ts';
import { markOf } from './networking.ts';
import { predefinedNetworkId } from './types/predefined-networks.ts';

/** Pure: of facts. `left`: interfaces of networks that are no more. */
export function networkStateFindings(facts: DoctorNetworkFacts, left: readonly string[]): readonly Finding[] {
  const { forwards, legacyFilter, droppingChains, bridgesFiltered } = facts;
  const legacy = [...(legacyFilter[4] ? ['iptables-legacy'] : []), ...(legacyFilter[6] ? ['ip6tables-legacy'] : [])];
  const off = ([4, 6] as const).filter((family) => forwards[family] === false);
  return [
    fine('forwarding', off.length === 0 ? 'on' : `off for IPv${off.join(', IPv')}: switched on with the first network that goes out`),
    legacy.length === 0
      ? fine('legacy packet filters', 'none')
      : {
          name: 'legacy packet filters',
          status: 'warning',
          detail: `${legacy.join(', ')}: where its FORWARD chain drops, containers reach nothing outside and are not reached; no rule of ours goes there`,
          mend: `${legacy.map((program) => `${program} -P FORWARD ACCEPT`).join('; ')}, or change to iptables-nft`,
        },
    fine('other packet filters', droppingChains.length === 0 ? 'none drops what is forwarded' : `${droppingChains.join(', ')}: our bridges are let through`),
    fine('filtered bridges', bridgesFiltered ? 'br_netfilter is on: iptables’ rules see what containers say to each other' : 'no'),
    left.length === 0
      ? fine('leftover interfaces', 'none')
      : { name: 'leftover interfaces', status: 'warning', detail: `${left.length}: ${left.slice(0, 3).join(', ')}`, mend: 'start the engine once: it sweeps' },
  ];
}

/** Those that say they are this data root's, of networks that it does not have. Makes nothing. */
export function leftInterfaces({ interfaces }: Pick<DoctorNetworkFacts, 'interfaces'>, dataRoot: string): readonly string[] {
  if (!existsSync(`${dataRoot}/engine-id`)) return [];
  const id = readFileSync(`${dataRoot}/engine-id`, 'utf8').trim();
  const mark = markOf(id);
  const networks = existsSync(`${dataRoot}/networks`) ? readdirSync(`${dataRoot}/networks`) : [];
  const known = new Set([predefinedNetworkId(id, 'bridge'), ...networks.map((name) => name.replace(/\.json$/, ''))]);
  return interfaces.filter(({ alias }) => alias.startsWith(`${mark} `) && !known.has(alias.slice(mark.length + 1))).map(({ name }) => name);
}

function fine(name: string, detail: string): Finding {
  return { name, status: 'ok', detail, mend: '' };
}
