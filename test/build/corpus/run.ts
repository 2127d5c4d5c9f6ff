/** RUN: its surroundings, what it changes, its mounts, and how it fails. */
import { dir, file } from '../../support/layers.ts';
import type { BuildCase } from './case.ts';

const classic = true;
const context = [dir('dir'), file('dir/in', 'in\n'), file('a', 'a\n')];
const token = 'a-secret-that-no-layer-holds\n';

/** `dockerd`'s own frontend is of the stable channel. */
const LABS = 'RUN --security is in the labs channel of the frontend';

export const RUN: readonly BuildCase[] = [
  { name: 'run-environment', classic },
  { name: 'run-changes', classic },
  { name: 'run-keeps-nothing', classic },
  { name: 'run-exec-form', classic },
  { name: 'run-fails', dockerfile: 'FROM base/busybox:1\nRUN echo no >&2; exit 3\n', classic },
  { name: 'run-signal', classic },
  { name: 'run-not-found', classic },
  { name: 'run-failing-later', classic },
  { name: 'run-network-none' },
  { name: 'run-network-host', dockerfile: 'FROM base/busybox:1\nRUN --network=host echo ok >/out\n', args: ['--allow', 'network.host'] },
  { name: 'run-network-host-denied' },
  { name: 'run-network-flag', dockerfile: 'FROM base/busybox:1\nRUN ls /sys/class/net >/net\n', args: ['--network', 'none'], classic },
  { name: 'run-security-denied', byHand: LABS },
  { name: 'run-security-insecure', args: ['--allow', 'security.insecure'], byHand: LABS },
  { name: 'run-security-sandbox', byHand: LABS },
  { name: 'run-add-host', args: ['--add-host', 'some.host:192.0.2.7', '--add-host', 'other=192.0.2.8'], classic },
  { name: 'run-shm-and-ulimit', args: ['--shm-size', '2m', '--ulimit', 'nofile=123:456'], classic },
  { name: 'mount-bind', context },
  { name: 'mount-cache' },
  { name: 'mount-tmpfs' },
  {
    name: 'mount-secret',
    beside: [file('token', token)],
    args: ['--secret', 'id=token,src=@DIR@/token', '--secret', 'id=from-env,env=A_SECRET'],
    env: { A_SECRET: 'of the environment' },
  },
  { name: 'mount-secret-required' },
  { name: 'mount-ssh', bases: ['python'], args: ['--ssh', 'default=@AGENT@'] },
  { name: 'mount-ssh-required', dockerfile: 'FROM base/busybox:1\nRUN --mount=type=ssh,required=true true\n' },
  { name: 'mount-bad-type' },
  { name: 'mount-no-target' },
  { name: 'mount-bad-key' },
];
