/** Makes the changes of `NetworkNamespace.change` one after the other, through one rtnetlink socket. */
import { getSystemErrorMap } from 'node:util';
import { invalid, SyscallError } from '../../base/errors.ts';
import { syscallError } from './socket-calls.ts';
import type { NetlinkSocket } from './netlink-socket.ts';
import type { NetlinkRequest } from './netlink-message.ts';
import { decodeLink, deleteLink, getLink, newLink, RTM_LINK, setBridge, setBridgePort, setLink } from './rtnetlink-links.ts';
import type { IndexOf } from './rtnetlink-links.ts';
import { addressRequest, neighbourRequest, routeRequest } from './rtnetlink-routes.ts';
import type { Link, LinkRef, NetworkChange } from '../network-contract.ts';

const ENODEV = 19;
const EINVAL = 22;
const ERANGE = 34;
/** Also for a name that no interface can have (ERANGE), and for what is no index (EINVAL). */
const NO_SUCH: readonly number[] = [ENODEV, ERANGE, EINVAL];

/** What `missingOk` forgives. */
const MISSING: Readonly<Record<string, readonly string[]>> = {
  'link-delete': ['ENODEV'],
  'address-delete': ['EADDRNOTAVAIL', 'ENODEV'],
  'route-delete': ['ESRCH', 'ENODEV'],
  'neighbour-delete': ['ENOENT', 'ENODEV'],
};

/** undefined: there is none of that name or index. */
export function findLink(socket: NetlinkSocket, link: LinkRef): Link | undefined {
  const { failure, messages } = socket.send([getLink(link)]);
  if (failure !== undefined) {
    if (NO_SUCH.includes(failure.errno)) return undefined;
    throw syscallError(`netlink link ${link}`, failure.errno, failure.explanation);
  }
  const message = messages.find(({ type }) => type === RTM_LINK.NEW);
  return message && decodeLink(message);
}

/** See `NetworkNamespace.change`; the socket decides in which namespace. */
export function makeChanges(socket: NetlinkSocket, changes: readonly NetworkChange[]): void {
  changes.forEach((change, index) => {
    try {
      makeChange(socket, change);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      if ('missingOk' in change && change.missingOk && MISSING[change.op]?.includes(error.code)) return;
      throw named(error, `netlink change ${index} (${change.op})`);
    }
  });
}

/** See `NetworkNamespace.changeAside`. The socket is used for nothing else meanwhile. */
export async function makeChangesAside(socket: NetlinkSocket, changes: readonly NetworkChange[]): Promise<void> {
  const requests = changes.map((change) => {
    if (change.op === 'link-add' && change.link.alias !== undefined) throw invalid(`link ${change.link.name}: an alias can be given only afterwards`);
    return encodeChange(socket, change);
  });
  const { failure } = await socket.sendLong(requests.flat());
  if (failure === undefined) return;
  const owners = requests.flatMap((of, index) => of.map(() => index));
  const index = owners[failure.index]!;
  throw syscallError(`netlink change ${index} (${changes[index]!.op})`, failure.errno, failure.explanation);
}

function makeChange(socket: NetlinkSocket, change: NetworkChange): void {
  request(socket, ...encodeChange(socket, change));
  if (change.op !== 'link-add' || change.link.alias === undefined) return;
  const { name, alias } = change.link;
  try {
    request(socket, ...encodeChange(socket, { op: 'link-set', link: name, settings: { alias } }));
  } catch (error) {
    socket.send([deleteLink(name)]);
    throw error;
  }
}

/** Of a new link without its alias. */
function encodeChange(socket: NetlinkSocket, change: NetworkChange): NetlinkRequest[] {
  const indexOf: IndexOf = (link) => indexOfLink(socket, link);
  switch (change.op) {
    case 'link-add':
      return [newLink(change.link, indexOf)];
    case 'link-set':
      return setLink(indexOf(change.link), change.settings, indexOf);
    case 'bridge-set':
      return [setBridge(indexOf(change.link), change.options)];
    case 'bridge-port-set':
      return [setBridgePort(indexOf(change.link), change.options)];
    case 'link-delete':
      return [deleteLink(change.link)];
    case 'address-add':
      return [addressRequest('NEW', change.address, indexOf, change.replace)];
    case 'address-delete':
      return [addressRequest('DELETE', change.address, indexOf)];
    case 'route-add':
      return [routeRequest('NEW', change.route, indexOf, change.replace)];
    case 'route-delete':
      return [routeRequest('DELETE', change.route, indexOf)];
    case 'neighbour-set':
      return [neighbourRequest('NEW', change.neighbour, indexOf)];
    case 'neighbour-delete':
      return [neighbourRequest('DELETE', change.neighbour, indexOf)];
  }
}

function request(socket: NetlinkSocket, ...requests: NetlinkRequest[]): void {
  if (requests.length === 0) return;
  const { failure } = socket.send(requests);
  if (failure !== undefined) throw syscallError('netlink', failure.errno, failure.explanation);
}

function indexOfLink(socket: NetlinkSocket, link: LinkRef): number {
  if (typeof link === 'number') return link;
  const index = socket.indexOf(link);
  if (index === undefined) throw new SyscallError('netlink', ENODEV, 'ENODEV', `${getSystemErrorMap().get(-ENODEV)![1]} (${link})`);
  return index;
}

function named(error: SyscallError, syscall: string): SyscallError {
  return new SyscallError(syscall, error.errno, error.code, error.message.slice(error.syscall.length + 2));
}
