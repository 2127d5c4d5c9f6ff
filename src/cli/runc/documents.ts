import { ARCHES, CAPABILITIES, defaultSpec } from '../../engine/oci.ts';

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

/** The runtime specification's features document. */
export function features() {
  return {
    ociVersionMin: '1.0.0',
    ociVersionMax: '1.2.1',
    hooks: ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'],
    mountOptions: [
      'bind',
      'rbind',
      'ro',
      'rro',
      'rw',
      'nosuid',
      'nodev',
      'noexec',
      'noatime',
      'relatime',
      'strictatime',
      'private',
      'rprivate',
      'shared',
      'rshared',
      'slave',
      'rslave',
      'unbindable',
      'runbindable',
    ],
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
