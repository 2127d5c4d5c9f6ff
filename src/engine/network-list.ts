/** Use cases: the networks that there are, and one of them. Of one filter any value matches (of `label` all), of several filters all. */
import { EngineError, invalid } from '../base/errors.ts';
import type { NetworkRecord } from '../network/contract.ts';
import { attachedTo } from './attached.ts';
import { checkFilters, hasLabel, pattern } from './filters.ts';
import { networkDocument } from './network-document.ts';
import type { NetworkInspectOptions } from './networks-contract.ts';
import type { EngineParts } from './parts.ts';
import type { NetworkInspect } from './types/network.ts';
import type { Filters } from './types/system.ts';

const KNOWN = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];

export function listNetworks(parts: EngineParts, filters: Filters): readonly NetworkInspect[] {
  checkFilters(filters, KNOWN);
  const tests = Object.entries(filters).flatMap(([key, values]) => (values.length === 0 ? [] : [test(parts, key, values)]));
  return parts
    .networks()
    .store.all()
    .filter((network) => tests.every((matches) => matches(network)))
    .map((network) => networkDocument(parts, network, { containers: false }));
}

function test(parts: EngineParts, key: string, values: readonly string[]): (network: NetworkRecord) => boolean {
  const { store } = parts.networks();
  switch (key) {
    case 'id': {
      const matches = pattern(values);
      return ({ id }) => matches(id);
    }
    case 'name': {
      const matches = pattern(values);
      return ({ name }) => matches(name);
    }
    case 'driver':
      return ({ driver }) => values.includes(driver);
    case 'scope':
      return ({ scope = 'local' }) => values.includes(scope);
    case 'label':
      return ({ labels }) => values.every((value) => hasLabel(labels, value));
    case 'type':
      for (const value of values) if (value !== 'builtin' && value !== 'custom') throw invalid(`invalid filter: 'type'='${value}'`);
      return (network) => values.includes(store.isPredefined(network) ? 'builtin' : 'custom');
    default: {
      const wanted = danglingOf(values);
      return (network) => (!store.isPredefined(network) && attachedTo(parts, network.id).length === 0) === wanted;
    }
  }
}

function danglingOf(values: readonly string[]): boolean {
  if (values.length > 1) throw invalid('got more than one value for filter key "dangling"');
  if (/^(true|1)$/.test(values[0]!)) return true;
  if (/^(false|0)$/.test(values[0]!)) return false;
  throw invalid(`invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`);
}

export function inspectNetwork(parts: EngineParts, name: string, { scope = '' }: NetworkInspectOptions): NetworkInspect {
  const network = parts.networks().store.find(name);
  if (scope !== '' && scope !== (network.scope ?? 'local')) throw new EngineError('not-found', `network ${name} not found`);
  return networkDocument(parts, network, { containers: true });
}
