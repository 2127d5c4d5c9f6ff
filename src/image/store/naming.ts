/** What becomes of names: tagging, untagging and removing, by Docker's rules. Pure: a table goes in, a table comes out. */
import type { Digest } from '../../base/digest.ts';
import { EngineError } from '../../base/errors.ts';
import { familiar, repositoryOf } from '../names.ts';
import type { NamedEntry } from './references.ts';

/** A container that uses an image. */
export interface ImageUser {
  readonly id: string;
  readonly running: boolean;
  readonly image: Digest;
}

/** One line of what `docker rmi` prints. */
export type Removal = { readonly Untagged: string } | { readonly Deleted: string };

const isDigestName = (name: string) => name.includes('@');

/**
 * Gives an image these names. One that had the name before keeps its others; without any it stays, dangling. An image
 * that was dangling and now has a name is so no longer.
 */
export function setNames(entries: readonly NamedEntry[], names: readonly string[], image: Omit<NamedEntry, 'name'>): readonly NamedEntry[] {
  const { digest } = image.target;
  // an archive may give an image as many names as it likes: each is looked at once
  const given = new Set(names);
  const lost = new Map<string, NamedEntry>();
  const kept: NamedEntry[] = [];
  for (const entry of entries) {
    if (entry.name !== undefined && given.has(entry.name)) lost.set(entry.name, entry);
    else if (entry.name !== undefined || entry.target.digest !== digest) kept.push(entry);
  }
  if (given.size > 0 && [...given].every((name) => lost.get(name)?.target.digest === digest)) return entries;
  const tagged = (name: string) => {
    const before = lost.get(name);
    return image.tagged ?? (before?.facts.id === image.facts.id ? before.tagged : undefined);
  };
  const out: NamedEntry[] = [...kept, ...Array.from(given, (name) => ({ ...image, name, tagged: tagged(name) }))];
  if (given.size === 0 && !out.some(({ target }) => target.digest === digest)) out.push({ ...image, name: undefined });
  const known = new Set(out.map(({ facts }) => facts.id));
  for (const entry of lost.values()) {
    if (known.has(entry.facts.id)) continue;
    known.add(entry.facts.id);
    out.push({ ...entry, name: undefined });
  }
  return out;
}

export interface RemoveRequest {
  /** Removed by a name (full), or by the image itself. */
  readonly name: string | undefined;
  /** As it was asked for. */
  readonly asked: string;
  readonly id: Digest;
  readonly force: boolean;
  readonly users: readonly ImageUser[];
}

export interface Removed {
  readonly entries: readonly NamedEntry[];
  readonly lines: readonly Removal[];
  /** Whether the image itself goes, and not only names of it. */
  readonly gone: boolean;
}

/**
 * `docker rmi`: takes a name away, and with the last one the image. Throws `conflict` in Docker's words where a
 * container or another name stands against it. The lines for layers are added by who removes them.
 */
export function removeImage(entries: readonly NamedEntry[], request: RemoveRequest): Removed {
  return request.name === undefined ? removeById(entries, request) : removeByName(entries, request, request.name);
}

function removeById(entries: readonly NamedEntry[], { id, force, users }: RemoveRequest): Removed {
  const names = namesOf(entries, id).toSorted();
  const stopped = force ? undefined : userOf(users, id, false);
  const user = userOf(users, id, true);
  if (user !== undefined) throw inUse(id, user);
  if (!force && names.length > 0 && !isSingle(names)) throw conflict(id, 'must be forced', 'image is referenced in multiple repositories');
  if (stopped !== undefined) throw inUse(id, stopped);
  return { entries: entries.filter(({ facts }) => facts.id !== id), lines: [...untagged(names), { Deleted: id }], gone: true };
}

function removeByName(entries: readonly NamedEntry[], { asked, id, force, users }: RemoveRequest, name: string): Removed {
  const names = namesOf(entries, id);
  const user = userOf(users, id, true) ?? userOf(users, id, false);
  if (user !== undefined && !force && isSingle(names)) throw referenced(asked, user, id);
  // with the last tag of a repository go the digests by which it was known there
  const beside = names.filter((other) => other !== name && repositoryOf(other) === repositoryOf(name));
  const going = isDigestName(name) || !beside.every(isDigestName) ? [name] : [name, ...beside];
  const others = entries.filter((entry) => entry.facts.id !== id || (entry.name !== undefined && !going.includes(entry.name)));
  const lines = untagged(going);
  if (names.length > going.length) return { entries: others, lines, gone: false };
  // what a container uses stays, without a name
  const kept = userOf(users, id, true) ?? (force ? undefined : user);
  if (kept === undefined) return { entries: others, lines: [...lines, { Deleted: id }], gone: true };
  const last = entries.find(({ facts }) => facts.id === id)!;
  return { entries: [...others, { ...last, name: undefined }], lines, gone: false };
}

function namesOf(entries: readonly NamedEntry[], id: Digest): string[] {
  return entries.filter(({ facts }) => facts.id === id).flatMap(({ name }) => name ?? []);
}

function userOf(users: readonly ImageUser[], id: Digest, running: boolean): ImageUser | undefined {
  return users.find((user) => user.image === id && user.running === running);
}

function untagged(names: readonly string[]): Removal[] {
  return names.map((name) => ({ Untagged: familiar(name) }));
}

/** Whether all names are of one repository, with at most one tag among them. */
function isSingle(names: readonly string[]): boolean {
  return names.length > 0 && new Set(names.map(repositoryOf)).size === 1 && names.filter((name) => !isDigestName(name)).length <= 1;
}

function short(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

function conflict(id: Digest, how: string, why: string): EngineError {
  return new EngineError('conflict', `conflict: unable to delete ${short(id)} (${how}) - ${why}`);
}

function inUse(id: Digest, { id: container, running }: ImageUser): EngineError {
  return running
    ? conflict(id, 'cannot be forced', `image is being used by running container ${short(container)}`)
    : conflict(id, 'must be forced', `image is being used by stopped container ${short(container)}`);
}

function referenced(asked: string, user: ImageUser, id: Digest): EngineError {
  return new EngineError(
    'conflict',
    `conflict: unable to remove repository reference ${JSON.stringify(asked)} (must force) - container ${short(user.id)} is using its referenced image ${short(id)}`,
  );
}
