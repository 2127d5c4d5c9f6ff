import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './parts.ts';

/** Tells of a container, with what Docker tells: its image, its name, its labels. */
export function emitContainer(
  { events }: EngineParts,
  { id, name, config, rootfs }: ContainerRecord,
  action: string,
  extra: Readonly<Record<string, string>> = {},
): void {
  events.emit('container', action, id, { ...config.Labels, ...extra, image: config.Image || rootfs, name });
}
