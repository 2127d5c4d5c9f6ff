/** `docker events`. */
import type { EngineEvent } from '../../engine/types/system.ts';
import { withTemplate } from '../format.ts';
import { rfc3339 } from '../go-time.ts';
import { goJson } from '../template/json.ts';
import { Template } from '../template/template.ts';
import { GoMap, Struct } from '../template/values.ts';

const BILLION = 1_000_000_000n;

/** Docker's older names for what a container or an image does are still in the document. */
function document({ Type, Action, Actor, scope, time, timeNano }: EngineEvent): Record<string, unknown> {
  const status = Type === 'container' ? { status: Action, id: Actor.ID, ...(Actor.Attributes['image'] ? { from: Actor.Attributes['image'] } : {}) } : {};
  return { ...status, Type, Action, Actor: { ID: Actor.ID, Attributes: new GoMap('map[string]string', Actor.Attributes, '') }, scope, time, timeNano };
}

function message(event: EngineEvent): Struct {
  const json = document(event);
  const actor = new Struct(
    'events.Actor',
    ['ID', 'Attributes'],
    (name) => (name === 'ID' ? event.Actor.ID : new GoMap('map[string]string', event.Actor.Attributes, '')),
    {
      json: () => goJson(json['Actor']),
    },
  );
  const fields: Readonly<Record<string, unknown>> = {
    Status: json['status'] ?? '',
    ID: json['id'] ?? '',
    From: json['from'] ?? '',
    Type: event.Type,
    Action: event.Action,
    Actor: actor,
    Scope: event.scope,
    Time: event.time,
    TimeNano: event.timeNano,
  };
  return new Struct('*events.Message', Object.keys(fields), (name) => fields[name], { json: () => goJson(json) });
}

/** Makes lines of events; `format` is that of `--format`. Throws `invalid`, at once for what is no template. */
export function eventLines(format: string | undefined, zone?: string): (event: EngineEvent) => string {
  if (format) {
    const words = () => 'Error parsing format';
    const template = withTemplate(() => new Template(format === 'json' ? '{{json .}}' : format), words);
    return (event) => withTemplate(() => template.execute(message(event)), words);
  }
  return (event) => {
    const { Type, Action, Actor, timeNano } = event;
    const time = rfc3339({ seconds: Number(timeNano / BILLION), nanoseconds: Number(timeNano % BILLION) }, { zone, nanoseconds: true });
    const attributes = Object.keys(Actor.Attributes)
      .toSorted()
      .map((key) => `${key}=${Actor.Attributes[key]}`);
    return `${time} ${Type} ${Action} ${Actor.ID}${attributes.length > 0 ? ` (${attributes.join(', ')})` : ''}`;
  };
}
