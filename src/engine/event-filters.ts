/** Which events a reader wants: Docker's filters. Of one key any value matches (of `label` all), of several keys all. */
import { hasLabel } from './filters.ts';
import type { EngineEvent, Filters } from './types/system.ts';

/** Actions that go on after a colon: `exec_create: sh`. */
const WITH_DETAIL = ['health_status', 'exec_create', 'exec_start'];

/** Keys that are none of Docker's are passed over, as it does. */
export function eventMatches(filters: Filters): (event: EngineEvent) => boolean {
  const tests = Object.entries(filters).flatMap(([key, values]) => (values.length === 0 ? [] : (testOf(key, values) ?? [])));
  return (event) => tests.every((test) => test(event));
}

function testOf(key: string, values: readonly string[]): ((event: EngineEvent) => boolean) | undefined {
  switch (key) {
    case 'type':
      return ({ Type }) => values.includes(Type);
    case 'scope':
      return ({ scope }) => values.includes(scope);
    case 'event': {
      const beginnings = values.some((value) => WITH_DETAIL.includes(value));
      return ({ Action }) => values.some((value) => Action === value || (beginnings && Action.startsWith(value)));
    }
    case 'label':
      return ({ Actor }) => values.every((value) => hasLabel(Actor.Attributes, value));
    case 'image':
      return ({ Type, Actor }) => {
        const name = Actor.Attributes[Type === 'image' ? 'name' : 'image'] ?? '';
        return [Actor.ID, name, withoutTag(Actor.ID), withoutTag(name)].some((each) => values.includes(each));
      };
    case 'container':
    case 'daemon':
    case 'network':
    case 'plugin':
    case 'volume':
      return ({ Actor }) => values.some((value) => Actor.ID.startsWith(value) || (Actor.Attributes['name'] ?? '').startsWith(value));
    case 'node':
    case 'service':
    case 'secret':
    case 'config':
      // of a swarm, which there is not
      return () => false;
    default:
      return undefined;
  }
}

function withoutTag(name: string): string {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}
