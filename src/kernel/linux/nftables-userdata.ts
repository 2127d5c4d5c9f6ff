/** User data of nftables: the kernel keeps it and does not look at it. In libnftnl's form, so that nft(8) shows our comments. */
import { invalid } from '../../base/errors.ts';
import { text } from './netlink-message.ts';

/** libnftnl's types of user data, which nft(8) shows as comments. */
export const UDATA = { COMMENT: 0, SET_KEY_BYTEORDER: 0, SET_DATA_BYTEORDER: 1, SET_COMMENT: 7 } as const;
const MAX_COMMENT = 127;

/** One of libnftnl's records of user data: kind, length, text with its zero byte. */
export function comment(kind: number, value: string | undefined): Buffer {
  if (value === undefined) return Buffer.alloc(0);
  const bytes = text(value);
  if (bytes.length > MAX_COMMENT + 1) throw invalid(`comment longer than ${MAX_COMMENT} bytes: ${value}`);
  return Buffer.concat([Buffer.of(kind, bytes.length), bytes]);
}

/** The text of that kind in user data. */
export function commentOf(userdata: Buffer | undefined, kind: number): string | undefined {
  for (let at = 0; userdata !== undefined && at + 2 <= userdata.length; at += 2 + userdata[at + 1]!) {
    if (userdata[at] === kind) return userdata.toString('utf8', at + 2, at + 2 + userdata[at + 1]!).replace(/\0.*$/s, '');
  }
  return undefined;
}
