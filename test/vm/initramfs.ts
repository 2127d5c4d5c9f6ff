import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type CpioEntry, cpio, S_IFCHR, S_IFDIR, S_IFREG } from './cpio.ts';
import { type GuestKernel, moduleFiles } from './kernel.ts';

/** What it takes to see the machine's root; everything else is loaded on demand once that is there. */
const MODULES = ['virtio_pci', 'virtio_console', 'virtio_rng', '9pnet_virtio', '9p', 'overlay'];

/** An initramfs of busybox, the modules above, and init.sh as /init. */
export function initramfs(kernel: GuestKernel, busybox: string, initScript: string): Buffer {
  const modulesDep = readFileSync(`${kernel.modules}/modules.dep`, 'utf8');
  const files = moduleFiles(modulesDep, MODULES);
  const folders = ['bin', 'dev', 'lib', 'lib/modules', 'proc', 'sys', 'lower', 'mem', 'newroot'];
  const entries: CpioEntry[] = [
    ...folders.map((path) => ({ path, mode: S_IFDIR | 0o755 })),
    { path: 'dev/console', mode: S_IFCHR | 0o600, device: [5, 1] },
    { path: 'bin/busybox', mode: S_IFREG | 0o755, data: readFileSync(busybox) },
    { path: 'init', mode: S_IFREG | 0o755, data: readFileSync(initScript) },
    // Numbered, so that the shell's own order is the order to load them in.
    ...files.map((file, index) => ({
      path: `lib/modules/${String(index).padStart(2, '0')}-${file.replace(/^.*\//, '').replace(/\.\w+z\w*$/, '')}`,
      mode: S_IFREG | 0o644,
      data: unpacked(`${kernel.modules}/${file}`, busybox),
    })),
  ];
  return cpio(entries);
}

function unpacked(file: string, busybox: string): Uint8Array {
  const tool = { xz: 'xzcat', gz: 'zcat' }[/\.(\w+)$/.exec(file)![1]!];
  if (tool !== undefined) return execFileSync(busybox, [tool, file], { maxBuffer: 1 << 26 });
  return readFileSync(file);
}
