import { ARCHES, CAPABILITIES, defaultSpec } from '../../engine/oci.ts';

const MOUNT_OPTIONS = [
  ...['async', 'atime', 'bind', 'defaults', 'dev', 'diratime', 'dirsync', 'exec', 'lazytime', 'loud', 'mand', 'noatime', 'nodev', 'nodiratime', 'noexec'],
  ...['nolazytime', 'nomand', 'norelatime', 'nostrictatime', 'nosuid', 'nosymfollow', 'private', 'ratime', 'rbind', 'rdev', 'rdiratime', 'relatime', 'rexec'],
  ...['rnoatime', 'rnodev', 'rnodiratime', 'rnoexec', 'rnorelatime', 'rnostrictatime', 'rnosuid', 'rnosymfollow', 'ro', 'rprivate', 'rrelatime', 'rro'],
  ...['rrw', 'rshared', 'rslave', 'rstrictatime', 'rsuid', 'rsymfollow', 'runbindable', 'rw', 'shared', 'silent', 'slave', 'strictatime', 'suid', 'symfollow'],
  ...['sync', 'unbindable'],
];

/** What `spec` writes: a shell in `rootfs`, read-only, with runc's three capabilities. */
export function defaultConfig() {
  const spec = defaultSpec();
  const few = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];
  return {
    ...spec,
    process: {
      ...spec.process,
      terminal: true,
      args: ['sh'],
      env: [...spec.process!.env!, 'TERM=xterm'],
      capabilities: { bounding: few, effective: few, permitted: few },
      noNewPrivileges: true,
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'runc',
  };
}

/** What `spec --rootless` writes: the same for whoever runs it as root of a user namespace of their own. */
export function rootlessConfig() {
  const { linux = {}, mounts = [], ...config } = defaultConfig();
  const [uid, gid] = [process.geteuid!(), process.getegid!()];
  const sys = { destination: '/sys', type: 'none', source: '/sys', options: ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'] };
  const namespaces = (linux.namespaces ?? []).filter(({ type }) => type !== 'network' && type !== 'user');
  const withoutGid = (options: string[] | undefined) => options?.filter((option) => !/^[gu]id=/.test(option));
  return {
    ...config,
    mounts: mounts.map((mount) => (mount.destination === '/sys' ? sys : mount.options ? { ...mount, options: withoutGid(mount.options) } : mount)),
    linux: {
      ...linux,
      resources: undefined,
      namespaces: [...namespaces, { type: 'user' }],
      uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
    },
  };
}

/** The runtime specification's features document. */
export function features() {
  return {
    ociVersionMin: '1.0.0',
    ociVersionMax: '1.2.1',
    hooks: ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'],
    mountOptions: MOUNT_OPTIONS,
    linux: {
      namespaces: ['cgroup', 'ipc', 'mount', 'network', 'pid', 'time', 'user', 'uts'],
      capabilities: [...CAPABILITIES],
      cgroup: { v1: true, v2: true, systemd: false, systemdUser: false, rdma: true },
      seccomp: {
        enabled: true,
        actions: [
          'SCMP_ACT_ALLOW',
          'SCMP_ACT_ERRNO',
          'SCMP_ACT_KILL',
          'SCMP_ACT_KILL_PROCESS',
          'SCMP_ACT_KILL_THREAD',
          'SCMP_ACT_LOG',
          'SCMP_ACT_NOTIFY',
          'SCMP_ACT_TRACE',
          'SCMP_ACT_TRAP',
        ],
        operators: ['SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_LE', 'SCMP_CMP_LT', 'SCMP_CMP_MASKED_EQ', 'SCMP_CMP_NE'],
        archs: Object.keys(ARCHES),
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
    },
  };
}
