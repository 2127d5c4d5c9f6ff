import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectCgroups } from './detect.ts';

const mount = (point: string, type: string, options: string, root = '/') => `30 24 0:26 ${root} ${point} rw,nosuid shared:9 - ${type} cgroup rw,${options}`;
const found = (...lines: string[]) => {
  const layout = detectCgroups(lines.join('\n'), () => 'cpu memory\n');
  return layout && [layout.kind, ...layout.hierarchies.map(({ version, controllers, mountPoint }) => `v${version} ${mountPoint} ${controllers.join(',')}`)];
};

test('the layouts of machines', () => {
  const other = '22 1 8:1 / / rw - ext4 /dev/sda1 rw';
  assert.equal(found(other), undefined);
  assert.deepEqual(found(other, mount('/sys/fs/cgroup', 'cgroup2', 'nsdelegate')), ['v2', 'v2 /sys/fs/cgroup cpu,memory']);
  const v1 = [mount('/cg/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'), mount('/cg/systemd', 'cgroup', 'xattr,release_agent=/lib/x,name=systemd')];
  assert.deepEqual(found(...v1), ['v1', 'v1 /cg/cpu,cpuacct cpu,cpuacct', 'v1 /cg/systemd name=systemd']);
  assert.deepEqual(found(...v1, mount('/cg/unified', 'cgroup2', ''))?.[0], 'hybrid');
});

test('a hierarchy that is mounted again counts once; paths are unescaped', () => {
  const twice = [
    mount('/cg/a\\040b', 'cgroup', 'pids'),
    mount('/elsewhere', 'cgroup', 'pids', '/x'),
    mount('/cg/u', 'cgroup2', ''),
    mount('/mnt', 'cgroup2', ''),
  ];
  assert.deepEqual(found(...twice), ['hybrid', 'v1 /cg/a b pids', 'v2 /cg/u cpu,memory']);
  assert.deepEqual(found(mount('/cg', 'cgroup2', ''), mount('/cg', 'cgroup2', '')), ['v2', 'v2 /cg cpu,memory']);
});
