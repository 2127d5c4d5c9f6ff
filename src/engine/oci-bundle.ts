/** What an OCI runtime is given, read and checked: a bundle, where its cgroup is to be, where its streams go. */
import { existsSync, fstatSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { EngineError, invalid } from '../base/errors.ts';
import type { Stdio } from '../runtime/contract.ts';
import type { Process, Spec } from '../runtime/spec.ts';
import { parseSpec } from '../runtime/validate.ts';

export interface Bundle {
  readonly spec: Spec;
  /** The text of config.json. */
  readonly config: string;
  readonly bundle: string;
  readonly rootfs: string;
}

export function readBundle(given: string): Bundle {
  const bundle = resolve(given);
  if (!existsSync(bundle)) throw new EngineError('not-found', `chdir ${bundle}: no such file or directory`);
  let config: string;
  try {
    config = readFileSync(`${bundle}/config.json`, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new EngineError('not-found', `JSON specification file config.json not found in ${bundle}`);
  }
  const spec = parseSpec(config);
  const rootfs = resolve(bundle, spec.root!.path);
  if (!existsSync(rootfs)) throw new EngineError('not-found', `root file system ${rootfs}: no such file or directory`);
  if (!statSync(rootfs).isDirectory()) throw invalid(`root file system ${rootfs}: not a directory`);
  return { spec, config, bundle, rootfs };
}

/** The path below each hierarchy's root. Never the root itself: what is inside is killed when the container is deleted. */
export function cgroupsPathOf(id: string, given: string | undefined, systemd: boolean): string {
  if (systemd) return systemdPath(id, given ?? '');
  const parts = (given ?? '').split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || (parts.length === 0 && given)) {
    throw invalid(`linux.cgroupsPath ${JSON.stringify(given)} must name a folder below the cgroup root`);
  }
  return `/${parts.length === 0 ? id : parts.join('/')}`;
}

/** `slice:prefix:name` as systemd would place it: `a-b.slice` is inside `a.slice`. */
function systemdPath(id: string, given: string): string {
  const match = /^([^/:]*):([^/:]*):([^/:]+)$/.exec(given === '' ? `system.slice:runc:${id}` : given);
  if (match === null) {
    throw invalid(`expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got ${JSON.stringify(given)} instead`);
  }
  const [, slice = '', prefix = '', name = ''] = match;
  const leaf = name.endsWith('.slice') ? name : `${prefix === '' ? '' : `${prefix}-`}${name}.scope`;
  return `${slicePath(slice === '' ? 'system.slice' : slice)}/${leaf}`;
}

function slicePath(slice: string): string {
  if (slice === '-.slice') return '';
  const stem = slice.replace(/\.slice$/, '');
  if (stem === slice || !/^[\w.@\\]+(-[\w.@\\]+)*$/.test(stem)) throw invalid(`invalid slice name: ${slice}`);
  const parts = stem.split('-');
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('-')}.slice`).join('');
}

/** Where streams go when nobody of ours carries them; a terminal then needs somebody at the console socket. */
export function stdioOf(process: Process | undefined, consoleSocket: string | undefined, detached: boolean): Stdio {
  if (consoleSocket !== undefined && (!process?.terminal || !detached)) {
    throw invalid('cannot use console socket if runc will not detach or allocate tty');
  }
  if (!process?.terminal) return { kind: 'inherit' };
  if (consoleSocket === undefined) throw invalid('cannot allocate tty if runc will detach without setting console socket');
  const { height = 0, width = 0 } = process.consoleSize ?? {};
  return { kind: 'console-socket', path: consoleSocket, rows: height, cols: width };
}

/** Fds that the program keeps: those of socket activation (sd_listen_fds(3)), then as many as `--preserve-fds` says. */
export interface PreservedFds {
  readonly count: number;
  readonly env: readonly string[];
}

export function preservedFds(asked: number | undefined): PreservedFds {
  // meant for us only where the pid says so
  const listen = process.env['LISTEN_PID'] === String(process.pid) ? Number(process.env['LISTEN_FDS'] ?? 0) : 0;
  const sockets = Number.isInteger(listen) && listen > 0 && listen < 1024 ? listen : 0;
  const count = sockets + (asked ?? 0);
  if (count > 1024) throw invalid(`cannot preserve ${count} file descriptors: 1024 at most`);
  // the launcher's list of what was open before this process opened fds of its own
  const open = process.env['KOBAKO_FDS']?.split(' ');
  for (let index = 0; index < count; index++) {
    if (open === undefined ? !isOpen(3 + index) : !open.includes(String(3 + index))) {
      throw invalid(`please check that preserved-fd ${index} (of ${count}) is present`);
    }
  }
  return { count, env: sockets === 0 ? [] : [`LISTEN_FDS=${sockets}`, 'LISTEN_PID=1'] };
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}
