/** dockerd's `userns-remap`: containers get a user namespace whose ids are a user's subordinate ones (subuid(5), subgid(5)). */
import { EngineError, invalid } from '../base/errors.ts';
import type { HostConfig, KobakoConfig } from './types/container.ts';

type Ranges = NonNullable<KobakoConfig['UidMap']>;

export interface Remap {
  readonly uids: Ranges;
  readonly gids: Ranges;
}

/** The text of files in /etc; empty for one that is not there. */
export interface SubordinateFiles {
  readonly passwd: string;
  readonly group: string;
  readonly subuid: string;
  readonly subgid: string;
}

const DEFAULT_USER = 'dockremap';
const MAX_ID = 2 ** 32 - 2;

/**
 * What `default`, `USER[:GROUP]` or `UID[:GID]` stands for on this machine. Undefined for ''. Throws `invalid` for who is
 * not there, or has no ids. Other than dockerd it makes no user for `default`: that has to be there.
 */
export function remapOf(text: string, files: SubordinateFiles): Remap | undefined {
  if (text === '') return undefined;
  const [userText = '', groupText, ...more] = text.split(':');
  if (userText === '' || groupText === '' || more.length > 0) throw invalid(`invalid user/group specification in userns-remap: ${JSON.stringify(text)}`);
  const wanted = userText === 'default' ? DEFAULT_USER : userText;
  const user = rows(files.passwd).find(([name, , uid]) => name === wanted || uid === wanted);
  if (user === undefined) {
    throw new EngineError('invalid', `userns-remap: no user ${wanted} in /etc/passwd`, {
      hint: `useradd -r ${wanted}, and lines as ${wanted}:231072:65536 in /etc/subuid and /etc/subgid`,
    });
  }
  const [userName = '', , uid = '', primary = ''] = user;
  const asked = groupText === 'default' ? DEFAULT_USER : groupText;
  const groups = rows(files.group);
  const group = asked === undefined ? groups.find(([, , gid]) => gid === primary) : groups.find(([name, , gid]) => name === asked || gid === asked);
  if (group === undefined && asked !== undefined) throw invalid(`userns-remap: no group ${asked} in /etc/group`);
  const [groupName = userName, , gid = primary] = group ?? [];
  return {
    uids: rangesOf(files.subuid, [userName, uid], `no subuid ranges found for user ${JSON.stringify(userName)}`),
    gids: rangesOf(files.subgid, [groupName, gid], `no subgid ranges found for group ${JSON.stringify(groupName)}`),
  };
}

/** All that somebody has, one after the other: the first id of the first is root. */
function rangesOf(text: string, names: readonly string[], none: string): Ranges {
  let next = 0;
  const ranges = rows(text).flatMap(([name = '', first = '', count = '']) => {
    if (!names.includes(name)) return [];
    const [Host, Size] = [Number(first), Number(count)];
    const isRange = /^\d+$/.test(first) && /^\d+$/.test(count) && Host > 0 && Size > 0 && Host + Size - 1 <= MAX_ID && next + Size - 1 <= MAX_ID;
    if (!isRange) throw invalid(`userns-remap: ${name}:${first}:${count} is no range of subordinate ids`);
    const Container = next;
    next += Size;
    return [{ Container, Host, Size }];
  });
  if (ranges.length === 0) throw invalid(none);
  return ranges;
}

function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => line.trim().split(':'));
}

/** A new container's document with the ids that it gets; `UsernsMode` and ids of its own have the first word. Throws Docker's `invalid`. */
export function remapped(remap: Remap | undefined, host: HostConfig): HostConfig {
  const own = host.Kobako ?? {};
  if (remap === undefined || host.UsernsMode !== '' || own.UidMap !== undefined || own.GidMap !== undefined) return host;
  if (host.Privileged) {
    throw invalid('privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode');
  }
  if (host.NetworkMode === 'host') throw invalid("cannot share the host's network namespace when user namespaces are enabled");
  if (host.PidMode === 'host') throw invalid('cannot share the host PID namespace when user namespaces are enabled');
  return { ...host, Kobako: { ...own, UidMap: remap.uids, GidMap: remap.gids } };
}
