import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ATTR, MS } from '../kernel/constants.ts';
import { parseMountOptions, propagationFlag, type MountOptions } from './mount-options.ts';

const NOTHING: MountOptions = {
  bind: false,
  recursive: false,
  set: 0,
  clear: 0,
  recursiveSet: 0,
  recursiveClear: 0,
  propagation: [],
  data: [],
  copyUp: false,
  idmap: 'none',
};
const cases: [options: string, expected: Partial<MountOptions>, type?: string][] = [
  ['', {}],
  ['defaults,async,nofail,x-systemd.automount,loud,_netdev', {}],
  ['', { bind: true }, 'bind'],
  ['', { bind: true, recursive: true }, 'rbind'],
  ['bind', { bind: true }],
  ['rbind,bind', { bind: true, recursive: true }],
  ['ro', { set: ATTR.RDONLY }],
  ['ro,rw', { clear: ATTR.RDONLY }],
  ['rw,ro', { set: ATTR.RDONLY }],
  ['nosuid,nodev,noexec,nodiratime,nosymfollow', { set: ATTR.NOSUID | ATTR.NODEV | ATTR.NOEXEC | ATTR.NODIRATIME | ATTR.NOSYMFOLLOW }],
  ['nosuid,suid,dev,exec', { clear: ATTR.NOSUID | ATTR.NODEV | ATTR.NOEXEC }],
  ['noatime', { set: ATTR.NOATIME, clear: ATTR.ATIME }],
  ['noatime,strictatime', { set: ATTR.STRICTATIME, clear: ATTR.ATIME }],
  ['noatime,relatime', { clear: ATTR.ATIME }],
  ['rro', { recursiveSet: ATTR.RDONLY }],
  ['rrw', { recursiveClear: ATTR.RDONLY }],
  ['rnosuid,rnodev,rnoexec', { recursiveSet: ATTR.NOSUID | ATTR.NODEV | ATTR.NOEXEC }],
  ['rnoatime', { recursiveSet: ATTR.NOATIME, recursiveClear: ATTR.ATIME }],
  ['rprivate', { propagation: [MS.PRIVATE | MS.REC] }],
  ['rslave,shared', { propagation: [MS.SLAVE | MS.REC, MS.SHARED] }],
  ['unbindable,runbindable', { propagation: [MS.UNBINDABLE, MS.UNBINDABLE | MS.REC] }],
  [
    'size=64m,mode=1777',
    {
      data: [
        ['size', '64m'],
        ['mode', '1777'],
      ],
    },
  ],
  ['newinstance,gid=5', { data: [['newinstance'], ['gid', '5']] }],
  ['context="a=b,c"', { data: [['context', '"a=b'], ['c"']] }],
  ['lowerdir=/a=b', { data: [['lowerdir', '/a=b']] }],
  ['sync,lazytime', { data: [['sync'], ['lazytime']] }],
  ['tmpcopyup', { copyUp: true }],
  ['idmap', { idmap: 'top' }],
  ['ridmap', { idmap: 'recursive' }],
];

describe('mount options', () => {
  for (const [options, expected, type] of cases) {
    test(`${type ?? ''} ${options}`.trim() || 'none', () => {
      assert.deepEqual(parseMountOptions(options.split(','), type), { ...NOTHING, ...expected });
    });
  }
});

test('propagation by name', () => {
  assert.equal(propagationFlag('rshared'), MS.SHARED | MS.REC);
  assert.equal(propagationFlag('nonsense'), undefined);
});
