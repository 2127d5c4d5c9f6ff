/** What a server says by itself to a query, as bytes. */
import { CLASS, encodeAnswer, TYPE, type Answer, type Query } from './message.ts';
import type { Zone } from './zone.ts';

/** Seconds that a name may be kept: Docker's. */
const TTL = 600;

/**
 * The answer to a query about a name of the zone's, in at most `limit` bytes; undefined for all other names. What exists
 * without the kind of record that is asked for gets an empty answer, never NXDOMAIN: that would deny the name itself.
 */
export function answerFromZone(query: Query, zone: Zone, limit: number): Buffer | undefined {
  const answers = query.class === CLASS.IN || query.class === CLASS.ANY ? answersOf(query, zone) : undefined;
  return answers === undefined ? undefined : encodeAnswer(query, answers, TTL, limit);
}

function answersOf({ key, type }: Query, zone: Zone): readonly Answer[] | undefined {
  if (type === TYPE.PTR) {
    const name = zone.nameOf(key);
    if (name !== undefined) return [{ type, data: name }];
  }
  const records = (of: number, family: 4 | 6) => zone.find(key, family)?.map((data) => ({ type: of, data }));
  if (type === TYPE.A || type === TYPE.AAAA) {
    const bare = zone.keepsBareNames && !key.includes('.') ? [] : undefined;
    return records(type, type === TYPE.A ? 4 : 6) ?? bare;
  }
  const ipv4 = records(TYPE.A, 4);
  if (ipv4 === undefined) return undefined;
  return type === TYPE.ANY ? [...ipv4, ...(records(TYPE.AAAA, 6) ?? [])] : [];
}
