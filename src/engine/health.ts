/** Health checks: a command that is run in a container again and again. */
import type { ContainerRecord } from './container-store.ts';
import type { EngineParts } from './parts.ts';
import type { Health } from './types/container-answers.ts';

export function healthBegins(_parts: EngineParts, _record: ContainerRecord): void {}

export function healthEnds(_parts: EngineParts, _id: string): void {}

/** Undefined for a container without a health check. */
export function healthOf(_parts: EngineParts, _record: ContainerRecord): Health | undefined {
  return undefined;
}
