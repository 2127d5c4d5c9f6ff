/** Users and groups as Docker reads them: names or numbers, looked up in the container's own passwd(5) and group(5). */
import { invalid } from '../base/errors.ts';
import type { ResolvedUser } from './contract.ts';

/** The texts of passwd(5) and group(5). */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

const MAX_ID = 0x7fff_ffff;

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

function accounts(passwd: string): Account[] {
  return rows(passwd).flatMap(([name = '', , uid = '', gid = '', , home = '']) =>
    /^\d+$/.test(uid) && /^\d+$/.test(gid) ? [{ name, uid: Number(uid), gid: Number(gid), home }] : [],
  );
}

function groups(group: string): { name: string; gid: number; members: string[] }[] {
  return rows(group).flatMap(([name = '', , gid = '', members = '']) => (/^\d+$/.test(gid) ? [{ name, gid: Number(gid), members: members.split(',') }] : []));
}

function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => line.trim().split(':'));
}

/**
 * Resolves `--user`: `[user|uid][:group|gid]`. A number need not be in the files; a name must. A name wins over a number.
 * Without a group the user's own is taken, with all groups that list the user. `add` is `--group-add`. The messages are
 * Docker's, since scripts look for them.
 */
export function resolveUser(text: string, files: AccountFiles, add: readonly string[] = []): ResolvedUser {
  const colon = text.indexOf(':');
  const userText = colon < 0 ? text : text.slice(0, colon);
  const groupText = colon < 0 ? '' : text.slice(colon + 1);
  const all = groups(files.group);
  const user = findUser(userText, accounts(files.passwd));
  let gid = user.gid;
  let supplementary = user.name === '' ? [] : all.filter((group) => group.members.includes(user.name)).map((group) => group.gid);
  if (groupText !== '') {
    gid = findGroup(groupText, all, `unable to find group ${groupText}: no matching entries in group file`);
    supplementary = [];
  }
  const added = add.map((name) => findGroup(name, all, `Unable to find group ${name}: no matching entries in group file`));
  return { uid: user.uid, gid, groups: [...new Set([...supplementary, ...added])], home: user.home };
}

function findUser(text: string, all: readonly Account[]): Account {
  const wanted = text === '' ? '0' : text;
  const found = all.find((account) => account.name === wanted) ?? all.find((account) => String(account.uid) === wanted);
  if (found !== undefined) return found;
  const uid = number(wanted);
  if (uid === undefined) throw invalid(`unable to find user ${wanted}: no matching entries in passwd file`);
  return { name: '', uid, gid: 0, home: '/' };
}

function findGroup(text: string, all: readonly { name: string; gid: number }[], message: string): number {
  const found = all.find((group) => group.name === text) ?? all.find((group) => String(group.gid) === text);
  const gid = found?.gid ?? number(text);
  if (gid === undefined) throw invalid(message);
  return gid;
}

function number(text: string): number | undefined {
  if (!/^-?\d+$/.test(text)) return undefined;
  const value = Number(text);
  if (value < 0 || value > MAX_ID) throw invalid(`uids and gids must be in range 0-${MAX_ID}`);
  return value;
}
