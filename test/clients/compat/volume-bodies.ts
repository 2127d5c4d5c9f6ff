/** Containers with volumes: what both engines make of them, and what both refuse. */
import type { CreateBody } from './create-bodies.ts';

const host = (HostConfig: Record<string, unknown>): CreateBody => ({ HostConfig: { NetworkMode: 'none', ...HostConfig } });
const mount = (Mount: Record<string, unknown>): CreateBody => host({ Mounts: [{ Type: 'volume', Source: 'compat-a', Target: '/x', ...Mount }] });

export const VOLUME_BODIES: Readonly<Record<string, CreateBody>> = {
  'volumes: by name': host({ Binds: ['compat-a:/a', 'compat-b:/b:ro', 'compat-c:/c:nocopy', 'compat-a:/d:rw,Z', 'compat-a:/e/:z'] }),
  'volumes: of the configuration': { Volumes: { '/a': {}, '/b/': {} }, HostConfig: { NetworkMode: 'none' } },
  'volumes: of the configuration, and a bind there': { Volumes: { '/a': {} }, HostConfig: { NetworkMode: 'none', Binds: ['/tmp:/a'] } },
  'volumes: without a name': host({ Mounts: [{ Type: 'volume', Target: '/a' }] }),
  'volumes: with all': mount({
    Source: 'compat-all',
    ReadOnly: true,
    VolumeOptions: {
      NoCopy: true,
      Labels: { a: 'b' },
      Subpath: 'x/./y',
      DriverConfig: { Name: 'local', Options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' } },
    },
  }),
  'volumes: beside a tmpfs': host({ Mounts: [{ Type: 'volume', Source: 'compat-a', Target: '/a' }], Tmpfs: { '/a': '' } }),
  'volumes: of others': host({ VolumesFrom: ['PEER'] }),
  'volumes: of others, read-only': host({ VolumesFrom: ['PEER:ro'], Binds: ['compat-a:/x'] }),
  'an image, mounted': host({ Mounts: [{ Type: 'image', Source: 'BARE', Target: '/a' }] }),
  'an image, mounted in part': host({ Mounts: [{ Type: 'image', Source: 'BARE', Target: '/a', ImageOptions: { Subpath: 'etc' } }] }),
  'an image, mounted read-only': host({ Mounts: [{ Type: 'image', Source: 'BARE', Target: '/a', ReadOnly: true }] }),
};

export const VOLUME_REFUSALS: Readonly<Record<string, CreateBody>> = {
  'volume: of a short name': host({ Binds: ['a:/x'] }),
  'volume: of a bad name': host({ Binds: ['a!b:/x'] }),
  'volume: of a relative path': host({ Binds: ['./ab:/x'] }),
  'volume: at a file': host({ Binds: ['compat-a:/etc/passwd'] }),
  'volume: of the configuration at a file': { Volumes: { '/etc/passwd': {} } },
  'volume: twice at one place': host({ Binds: ['compat-a:/x', 'compat-b:/x'] }),
  'volume: and a mount at one place': host({ Binds: ['compat-a:/x'], Mounts: [{ Type: 'volume', Target: '/x' }] }),
  'volume: and a tmpfs at one place': host({ Binds: ['compat-a:/x'], Tmpfs: { '/x': '' } }),
  'volume: two modes': host({ Binds: ['compat-a:/x:ro,rw'] }),
  'volume: propagation': host({ Binds: ['compat-a:/x:rslave'] }),
  'volume: an unknown mode': host({ Binds: ['compat-a:/x:nope'] }),
  'volume: bind as a mode': host({ Binds: ['compat-a:/x:bind'] }),
  'volume: to a relative path': host({ Binds: ['compat-a:x'] }),
  'volume: to /': host({ Binds: ['compat-a:/'] }),
  'volume: a mode alone': host({ Binds: ['/x:ro'] }),
  'volume: of four parts': host({ Binds: ['a:b:c:d'] }),
  'volume: no copy of a bind': host({ Binds: ['/tmp:/x:nocopy'] }),
  'volume: of no driver': host({ Binds: ['compat-a:/x'], VolumeDriver: 'nope' }),
  'mounted volume: of an absolute path': mount({ Source: '/abs' }),
  'mounted volume: of a bad name': mount({ Source: 'a!' }),
  'mounted volume: part outside of it': mount({ VolumeOptions: { Subpath: '../x' } }),
  'mounted volume: part that is absolute': mount({ VolumeOptions: { Subpath: '/x' } }),
  'mounted volume: part of a new one': mount({ Source: '', VolumeOptions: { Subpath: 'x' } }),
  'mounted volume: of no driver': mount({ VolumeOptions: { DriverConfig: { Name: 'nope' } } }),
  'mounted volume: of no option': mount({ Source: 'compat-new', VolumeOptions: { DriverConfig: { Options: { nope: 'x' } } } }),
  'mounted volume: read-only and new': mount({ Source: '', ReadOnly: true }),
  'mounted volume: with options of bind': mount({ BindOptions: {} }),
  'mounted volume: to nothing': mount({ Target: '' }),
  'mounted image: that is not there': host({ Mounts: [{ Type: 'image', Source: 'compat-none:1', Target: '/x' }] }),
  'mounted image: of nothing': host({ Mounts: [{ Type: 'image', Target: '/x' }] }),
  'mounted image: part outside of it': host({ Mounts: [{ Type: 'image', Source: 'BARE', Target: '/x', ImageOptions: { Subpath: '../x' } }] }),
  'volumes from nothing': host({ VolumesFrom: [''] }),
  'volumes from: an unknown mode': host({ VolumesFrom: ['PEER:nope'] }),
  'volumes from: two modes': host({ VolumesFrom: ['PEER:ro:rw'] }),
  'volumes from: propagation': host({ VolumesFrom: ['PEER:rslave'] }),
  'volumes from: no copy': host({ VolumesFrom: ['PEER:nocopy'] }),
};
