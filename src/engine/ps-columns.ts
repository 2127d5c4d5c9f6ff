/** The columns that ps(1) can show of a process, with its names, titles and ways to write values. */
import { TICKS_PER_SECOND, type ProcessFacts } from '../kernel/linux/process-facts.ts';

/** What is the same for all rows. */
export interface PsContext {
  /** Unix time in milliseconds. */
  readonly now: number;
  /** Seconds since the machine's start. */
  readonly uptime: number;
  /** KiB. */
  readonly memory: number;
  userName(uid: number): string;
  groupName(gid: number): string;
}

export interface Column {
  readonly title: string;
  readonly value: (process: ProcessFacts, context: PsContext) => string;
}

const DAY_S = 86_400;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const PAGE_KIB = 4;

const two = (value: number) => String(value).padStart(2, '0');
const number =
  (of: (process: ProcessFacts) => number): Column['value'] =>
  (process) =>
    String(of(process));
const seconds = ({ cpuTime }: ProcessFacts) => Math.floor(cpuTime / TICKS_PER_SECOND);
const age = ({ startTime }: ProcessFacts, { uptime }: PsContext) => Math.max(0, uptime - startTime / TICKS_PER_SECOND);
const cpuPercent = (process: ProcessFacts, context: PsContext) => {
  const lived = age(process, context);
  return lived === 0 ? 0 : (process.cpuTime / TICKS_PER_SECOND / lived) * 100;
};
const begun = (process: ProcessFacts, context: PsContext) => new Date(context.now - age(process, context) * 1000);

const user: Column['value'] = ({ uids }, { userName }) => userName(uids[1]!);
const group: Column['value'] = ({ gids }, { groupName }) => groupName(gids[1]!);
const printable = (text: string) => text.replaceAll(/[\p{Cc}\ufffd]/gu, '?');
const args: Column['value'] = ({ name, args: all, state }) => {
  if (all.length > 0) return printable(all.join(' '));
  return `[${printable(name)}]${state === 'Z' ? ' <defunct>' : ''}`;
};
const name: Column['value'] = ({ name: comm, state }) => `${printable(comm)}${state === 'Z' ? ' <defunct>' : ''}`;
const pcpu: Column['value'] = (process, context) => cpuPercent(process, context).toFixed(1);
const pmem: Column['value'] = ({ resident }, { memory }) => Math.min(99.9, (resident / memory) * 100).toFixed(1);
const tty: Column['value'] = ({ tty: device }) => terminalName(device);

/** `00:01:02`, with days before. */
const time: Column['value'] = (process) => {
  const all = seconds(process);
  const days = Math.floor(all / DAY_S);
  return `${days > 0 ? `${days}-` : ''}${two(Math.floor(all / 3600) % 24)}:${two(Math.floor(all / 60) % 60)}:${two(all % 60)}`;
};

/** `1:02`, however many minutes. */
const bsdTime: Column['value'] = (process) => `${Math.floor(seconds(process) / 60)}:${two(seconds(process) % 60)}`;

/** `09:15` within a day, `Nov25` within a year, `2025`. */
const startTime: Column['value'] = (process, context) => {
  const at = begun(process, context);
  const now = new Date(context.now);
  if (at.toDateString() === now.toDateString()) return `${two(at.getHours())}:${two(at.getMinutes())}`;
  return at.getFullYear() === now.getFullYear() ? `${MONTHS[at.getMonth()]}${two(at.getDate())}` : String(at.getFullYear());
};

/** `09:15:02` within 24 hours, else `Nov 25`. */
const started: Column['value'] = (process, context) => {
  const at = begun(process, context);
  if (age(process, context) < DAY_S) return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${MONTHS[at.getMonth()]} ${two(at.getDate())}`;
};

const longStart: Column['value'] = (process, context) => {
  const at = begun(process, context);
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${DAYS[at.getDay()]} ${MONTHS[at.getMonth()]} ${String(at.getDate()).padStart(2)} ${clock} ${at.getFullYear()}`;
};

/** `02:05`, with hours and days before. */
const elapsed: Column['value'] = (process, context) => {
  const all = Math.floor(age(process, context));
  const [days, hours] = [Math.floor(all / DAY_S), Math.floor(all / 3600) % 24];
  const before = days > 0 ? `${days}-${two(hours)}:` : hours > 0 ? `${two(hours)}:` : '';
  return `${before}${two(Math.floor(all / 60) % 60)}:${two(all % 60)}`;
};

const stat: Column['value'] = ({ state, nice, locked, session, pid, threads, tpgid, pgrp, tty: device }) =>
  [
    state,
    nice < 0 ? '<' : nice > 0 ? 'N' : '',
    locked ? 'L' : '',
    session === pid ? 's' : '',
    threads > 1 ? 'l' : '',
    device !== 0 && tpgid === pgrp ? '+' : '',
  ].join('');

/** By the device's number, as the kernel gives it (admin-guide/devices.txt). */
function terminalName(device: number): string {
  const [major, minor] = [(device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00)];
  if (device === 0) return '?';
  if (major >= 136 && major < 144) return `pts/${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  return major === 5 && minor === 1 ? 'console' : '?';
}

/** As ps shows them: the bits PF_FORKNOEXEC, PF_MCE_PROCESS and PF_SUPERPRIV. */
function flagsOf({ flags }: ProcessFacts): string {
  return String((flags >>> 6) & 7);
}

/** By the names of `-o`. */
export const PS_COLUMNS: Readonly<Record<string, Column>> = {
  ...named('%cpu pcpu', '%CPU', pcpu),
  ...named('%mem pmem', '%MEM', pmem),
  ...named('args command', 'COMMAND', args),
  ...named('bsdstart', 'START', startTime),
  ...named('bsdtime', 'TIME', bsdTime),
  ...named('c', 'C', (process, context) => String(Math.min(99, Math.floor(cpuPercent(process, context))))),
  ...named('cmd', 'CMD', args),
  ...named('comm ucmd ucomm', 'COMMAND', name),
  ...named('cputime time', 'TIME', time),
  ...named('cputimes times', 'TIME', number(seconds)),
  ...named(
    'egid',
    'EGID',
    number(({ gids }) => gids[1]!),
  ),
  ...named('egroup', 'EGROUP', group),
  ...named('etime', 'ELAPSED', elapsed),
  ...named('etimes', 'ELAPSED', (process, context) => String(Math.floor(age(process, context)))),
  ...named(
    'euid',
    'EUID',
    number(({ uids }) => uids[1]!),
  ),
  ...named('euser', 'EUSER', user),
  ...named('f flag flags', 'F', flagsOf),
  ...named(
    'gid',
    'GID',
    number(({ gids }) => gids[1]!),
  ),
  ...named('group', 'GROUP', group),
  ...named('lstart', 'STARTED', longStart),
  ...named(
    'maj_flt',
    'MAJFL',
    number(({ majorFaults }) => majorFaults),
  ),
  ...named(
    'min_flt',
    'MINFL',
    number(({ minorFaults }) => minorFaults),
  ),
  ...named(
    'ni nice',
    'NI',
    number(({ nice }) => nice),
  ),
  ...named(
    'nlwp',
    'NLWP',
    number(({ threads }) => threads),
  ),
  ...named(
    'pgid pgrp',
    'PGID',
    number(({ pgrp }) => pgrp),
  ),
  ...named(
    'pid',
    'PID',
    number(({ pid }) => pid),
  ),
  ...named(
    'ppid',
    'PPID',
    number(({ ppid }) => ppid),
  ),
  ...named(
    'pri',
    'PRI',
    number(({ priority }) => 39 - priority),
  ),
  ...named(
    'psr',
    'PSR',
    number(({ processor }) => processor),
  ),
  ...named(
    'rgid',
    'RGID',
    number(({ gids }) => gids[0]!),
  ),
  ...named('rgroup', 'RGROUP', ({ gids }, { groupName }) => groupName(gids[0]!)),
  ...named(
    'rss rssize rsz',
    'RSS',
    number(({ resident }) => resident),
  ),
  ...named(
    'ruid',
    'RUID',
    number(({ uids }) => uids[0]!),
  ),
  ...named('ruser', 'RUSER', ({ uids }, { userName }) => userName(uids[0]!)),
  ...named('s state', 'S', ({ state }) => state),
  ...named(
    'sess session sid',
    'SID',
    number(({ session }) => session),
  ),
  ...named('start', 'STARTED', started),
  ...named('start_time stime', 'STIME', startTime),
  ...named('stat', 'STAT', stat),
  ...named(
    'sz',
    'SZ',
    number(({ virtual }) => Math.ceil(virtual / PAGE_KIB)),
  ),
  ...named(
    'thcount',
    'THCNT',
    number(({ threads }) => threads),
  ),
  ...named('tname', 'TTY', tty),
  ...named('tt tty', 'TT', tty),
  ...named(
    'uid',
    'UID',
    number(({ uids }) => uids[1]!),
  ),
  ...named('uname user', 'USER', user),
  ...named(
    'vsize vsz',
    'VSZ',
    number(({ virtual }) => virtual),
  ),
};

/** `-f`: users by name under the title UID. */
export const FULL: readonly Column[] = [
  { title: 'UID', value: user },
  ...['pid', 'ppid', 'c', 'stime', 'tname', 'time', 'cmd'].map((each) => PS_COLUMNS[each]!),
];
/** `u` */
export const USER_ORIENTED: readonly Column[] = ['user', 'pid', 'pcpu', 'pmem', 'vsz', 'rss', 'tname', 'stat', 'bsdstart', 'bsdtime', 'args'].map(
  (each) => PS_COLUMNS[each]!,
);
/** `-e` alone. */
export const SHORT: readonly Column[] = [...['pid', 'tname', 'time'].map((each) => PS_COLUMNS[each]!), { title: 'CMD', value: name }];
/** `ax` alone. */
export const BSD: readonly Column[] = ['pid', 'tname', 'stat', 'bsdtime', 'args'].map((each) => PS_COLUMNS[each]!);

function named(names: string, title: string, value: Column['value']): Record<string, Column> {
  return Object.fromEntries(names.split(' ').map((each) => [each, { title, value }]));
}
