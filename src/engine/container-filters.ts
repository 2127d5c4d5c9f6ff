/** Docker's filters of a list of containers. Of one key any value matches (of `label` all), of several keys all. */
import { EngineError, invalid } from '../base/errors.ts';
import type { ContainerRecord } from './container-record.ts';
import { networkSettings } from './container-networks.ts';
import { checkFilters, hasLabel, pattern } from './filters.ts';
import { mountPoints } from './mount-points.ts';
import type { EngineParts } from './parts.ts';
import type { ContainerState, Port } from './types/container-answers.ts';
import type { Filters } from './types/system.ts';

const KNOWN = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'isolation',
  'is-task',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];
const PORTS = ['expose', 'publish'];
const STATES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const HEALTH = ['none', 'starting', 'healthy', 'unhealthy'];

export interface ContainerFilter {
  /** What is known without looking at the machine. */
  readonly record: (record: ContainerRecord) => boolean;
  readonly state: (state: ContainerState) => boolean;
  /** What a list shows as the container's ports; one that does not run has none. undefined: any will do. */
  readonly ports: ((ports: readonly Port[]) => boolean) | undefined;
  /** A filter asks for states: those that do not run are meant, too. */
  readonly anyState: boolean;
}

/** Throws `invalid` and `not-found` in Docker's words. */
export function containerFilter(parts: EngineParts, filters: Filters): ContainerFilter {
  checkFilters(filters, KNOWN);
  const records: ((record: ContainerRecord) => boolean)[] = [];
  const states: ((state: ContainerState) => boolean)[] = [];
  for (const [key, values] of Object.entries(filters)) {
    if (values.length === 0 || PORTS.includes(key)) continue;
    const ofState = stateFilter(key, values);
    if (ofState === undefined) records.push(recordFilter(parts, key, values));
    else states.push(ofState);
  }
  return {
    record: (record) => records.every((test) => test(record)),
    state: (state) => states.every((test) => test(state)),
    ports: portsFilter(filters),
    anyState: (filters['status']?.length ?? 0) > 0,
  };
}

function stateFilter(key: string, values: readonly string[]): ((state: ContainerState) => boolean) | undefined {
  switch (key) {
    case 'status':
      for (const value of values) checkWord(key, value, STATES, 'state');
      return ({ Status }) => values.includes(Status);
    case 'health':
      for (const value of values) checkWord(key, value, HEALTH, 'health');
      return ({ Health }) => values.includes(Health?.Status ?? 'none');
    case 'exited': {
      const codes = values.map((value) => {
        if (!/^[+-]?\d+$/.test(value)) throw invalid(`invalid filter 'exited=${value}': strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
        return Number(value);
      });
      return ({ Running, Status, ExitCode }) => !Running && Status !== 'created' && codes.includes(ExitCode);
    }
    default:
      return undefined;
  }
}

function checkWord(key: string, value: string, words: readonly string[], what: string): void {
  if (!words.includes(value)) throw invalid(`invalid filter '${key}=${value}': invalid value for ${what} (${value}): must be one of ${words.join(', ')}`);
}

function recordFilter(parts: EngineParts, key: string, values: readonly string[]): (record: ContainerRecord) => boolean {
  switch (key) {
    case 'id': {
      const test = pattern(values);
      return ({ id }) => test(id);
    }
    case 'name': {
      const test = pattern(values);
      return ({ name }) => test(name) || test(`/${name}`);
    }
    case 'label':
      return ({ config }) => values.every((value) => hasLabel(config.Labels, value));
    case 'before': {
      const { createdAt } = parts.store.find(values[0]!);
      return (record) => record.createdAt < createdAt;
    }
    case 'since': {
      const { createdAt } = parts.store.find(values[0]!);
      return (record) => record.createdAt > createdAt;
    }
    case 'ancestor': {
      const ids = new Set(values.flatMap((value) => imageId(parts, value) ?? []));
      return ({ image }) => image !== undefined && ids.has(image.id);
    }
    case 'volume':
      return (record) => mountPoints(parts, record).some(({ Name, Source, Destination }) => values.includes(Destination) || values.includes(Name ?? Source));
    case 'network':
      return (record) =>
        Object.entries(networkSettings(parts, record).Networks).some(([name, { NetworkID = '' }]) =>
          values.some((value) => value === name || (NetworkID !== '' && NetworkID.startsWith(value))),
        );
    case 'isolation':
      // there is one only
      return () => true;
    default: {
      // is-task: there are none
      const [wanted, ...more] = new Set(values.map((value) => (/^(1|true)$/.test(value) ? true : /^(0|false)$/.test(value) ? false : undefined)));
      if (wanted === undefined || more.length > 0) throw invalid(`invalid filter '${key}=[${values.join(' ')}]'`);
      return () => !wanted;
    }
  }
}

/** What has the name now, or that id; undefined for nothing. */
export function imageId(parts: EngineParts, name: string): string | undefined {
  try {
    return parts.images().store.find(name).entry.facts.id;
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}

/** As dockerd: `publish` is about the host's port, which is 0 where there is none, `expose` about the container's; with both, either. */
function portsFilter(filters: Filters): ContainerFilter['ports'] {
  if (!PORTS.some((key) => filters[key]?.length)) return undefined;
  const isPublished = portsOf('publish', filters['publish'] ?? []);
  const isExposed = portsOf('expose', filters['expose'] ?? []);
  return (ports) => ports.some(({ PublicPort = 0, PrivatePort, Type }) => isPublished(PublicPort, Type) || isExposed(PrivatePort, Type));
}

/** Whether a port is one of those (`80`, `80/udp`, `8000-8080/tcp`). */
function portsOf(key: string, values: readonly string[]): (port: number, protocol: string) => boolean {
  const ranges = values.map((value) => rangeOf(key, value));
  return (port, protocol) => ranges.some((range) => range.protocol === protocol && range.from <= port && port <= range.to);
}

function rangeOf(key: string, text: string): { readonly from: number; readonly to: number; readonly protocol: string } {
  const [range = '', protocol = 'tcp'] = text.split('/');
  const numbers = range.split('-').map((each) => {
    if (/^\d+$/.test(each) && Number(each) <= 65_535) return Number(each);
    throw new EngineError('internal', `error while looking up for ${key} ${text}: strconv.ParseUint: parsing ${JSON.stringify(each)}: invalid syntax`);
  });
  const [from = 0, to = from] = numbers;
  if (to < from) throw new EngineError('internal', `error while looking up for ${key} ${text}: Invalid range specified for the Port: ${range}`);
  return { from, to, protocol: protocol.toLowerCase() };
}
