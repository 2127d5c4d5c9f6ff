/** Runs a command on a current distribution's kernel, cgroup v2 only, in a virtual machine that sees this machine's files. */
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../../src/base/errors.ts';
import { deb } from '../support/debs.ts';
import { projectDir } from '../support/paths.ts';
import { busybox } from '../support/rootfs.ts';
import { withTemp } from '../support/temp.ts';
import { initramfs } from './initramfs.ts';
import { type GuestKernel, guestKernel } from './kernel.ts';

export interface VmOptions {
  /** Milliseconds until the virtual machine is killed, boot included. Default: 300,000. */
  readonly timeoutMs?: number;
  /** MiB. The guest's file systems that take writes live in it. Default: 2,048. */
  readonly memoryMb?: number;
  /** Default: 2. */
  readonly cpus?: number;
  /** Added to the command's environment; nothing else of this process's environment is passed. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the project's folder. */
  readonly cwd?: string;
  /** Added to the kernel's command line, as `apparmor=1`. */
  readonly kernelParameters?: string;
  /** Kills the virtual machine. */
  readonly signal?: AbortSignal;
  /** Called with the command's output as it comes. */
  readonly onOutput?: (chunk: Buffer) => void;
  /** Called before the boot with the folder that the guest will see as GUEST_SHARE. */
  readonly prepare?: (folder: string) => void;
  /** Called after the command with the folder that the guest saw as GUEST_SHARE, before the folder goes. */
  readonly beforeCleanup?: (folder: string, code: number) => void;
}

export interface VmResult {
  /** The command's exit code; 128 + N when signal N ended it. */
  readonly code: number;
  /** What the command wrote to stdout and stderr. */
  readonly output: string;
}

/** The writable folder that guest and host share, as the guest sees it. */
export const GUEST_SHARE = '/run/vm/share';

/** Why no virtual machine can run here, or undefined. */
export function vmUnavailable(): string | undefined {
  if (process.arch !== 'x64') return `the virtual machine is an x86-64 one, this machine is ${process.arch}`;
  if (process.getuid?.() !== 0) return 'the virtual machine shows the files of root: needs root';
  return undefined;
}

/**
 * Boots, runs the command as root with the machine's root file system under a throw-away layer, and turns the machine
 * off. Rejects when it does not come up, ends early, or takes too long. The virtual machine dies with this process.
 */
export async function runInVm(command: readonly string[], options: VmOptions = {}): Promise<VmResult> {
  const reason = vmUnavailable();
  if (reason !== undefined) throw new EngineError('unavailable', reason);
  if (command.length === 0) throw new EngineError('invalid', 'no command to run in the virtual machine');
  const shell = await busybox();
  const kernel = await guestKernel(shell);
  const qemu = await deb('qemu-system-x86', { dependencies: true });
  return withTemp(async (folder) => {
    writeFileSync(`${folder}/initramfs`, initramfs(kernel, shell, beside('init.sh')));
    copyFileSync(beside('start.sh'), `${folder}/start.sh`);
    writeFileSync(`${folder}/settings.sh`, `modules=${quote(kernel.modules)}\n`);
    writeFileSync(`${folder}/command.sh`, commandScript(command, options));
    options.prepare?.(folder);
    const output = await boot(qemu, kernel, folder, options);
    if (!existsSync(`${folder}/code`)) throw ended('the virtual machine ended before the command did', folder, output);
    const code = Number(readFileSync(`${folder}/code`, 'utf8'));
    options.beforeCleanup?.(folder, code);
    return { code, output };
  });
}

function boot(tree: string, kernel: GuestKernel, folder: string, options: VmOptions): Promise<string> {
  const timeoutMs = options.timeoutMs ?? 300_000;
  const [program, ...args] = qemuCommand(tree, kernel, folder, options);
  return new Promise((resolve, reject) => {
    // PR_SET_PDEATHSIG through setpriv(1): a runner that is killed takes the virtual machine along.
    const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program!, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'], // stdin stays open: at its end qemu would close the whole port
      env: { PATH: process.env.PATH, QEMU_MODULE_DIR: `${tree}/usr/lib/x86_64-linux-gnu/qemu` },
    });
    const chunks: Buffer[] = [];
    const text = () => Buffer.concat(chunks).toString();
    let stderr = '';
    let failure: EngineError | undefined;
    const kill = (error: EngineError) => {
      failure ??= error;
      qemu.kill('SIGKILL');
    };
    const onAbort = () => kill(new EngineError('cancelled', 'the virtual machine was stopped', { cause: options.signal?.reason }));
    const timer = setTimeout(() => kill(ended(`the virtual machine took longer than ${timeoutMs} ms`, folder, text())), timeoutMs);
    qemu.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      options.onOutput?.(chunk);
    });
    qemu.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    qemu.once('error', (cause) => {
      failure ??= new EngineError('unavailable', 'cannot start qemu through setpriv', { cause });
    });
    qemu.once('close', (code) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      if (failure === undefined && code !== 0) failure = ended(`qemu: exit code ${code}: ${stderr.trim()}`, folder, text());
      if (failure === undefined) resolve(text());
      else reject(failure);
    });
    options.signal?.addEventListener('abort', onAbort, { once: true });
    if (options.signal?.aborted) onAbort();
  });
}

function qemuCommand(tree: string, kernel: GuestKernel, folder: string, options: VmOptions): string[] {
  const multiarch = `${tree}/lib/x86_64-linux-gnu`;
  const share = (id: string, path: string, more: string) => [
    ...['-fsdev', `local,id=${id},path=${path.replaceAll(',', ',,')},multidevs=remap,${more}`],
    ...['-device', `virtio-9p-pci,fsdev=${id},mount_tag=${id}`],
  ];
  return [
    // The package's own loader and libraries: whatever the machine has installed does not matter.
    `${multiarch}/ld-linux-x86-64.so.2`,
    ...['--library-path', `${multiarch}:${tree}/usr/lib/x86_64-linux-gnu`, `${tree}/usr/bin/qemu-system-x86_64`],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-L', `${tree}/usr/share/qemu`, '-L', `${tree}/usr/share/seabios`],
    // without protection keys: V8's check of its code pages aborts at times where they are emulated (nodejs/node#64500)
    ...['-machine', 'pc', '-accel', 'tcg,thread=multi', '-cpu', 'max,-pku'],
    ...['-smp', String(options.cpus ?? 2), '-m', String(options.memoryMb ?? 2048)],
    ...['-kernel', kernel.image, '-initrd', `${folder}/initramfs`],
    ...['-append', `console=ttyS0 panic=-1 mitigations=off random.trust_cpu=on cgroup_no_v1=all psi=1 ${options.kernelParameters ?? ''}`],
    ...['-serial', `file:${folder}/console`],
    ...['-device', 'virtio-serial-pci', '-chardev', 'stdio,id=output,signal=off'],
    ...['-device', 'virtserialport,chardev=output,name=output'],
    ...['-object', 'rng-random,id=rng,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=rng'],
    ...share('root', '/', 'security_model=passthrough,readonly=on'),
    ...share('share', folder, 'security_model=none'),
  ];
}

function ended(message: string, folder: string, output: string): EngineError {
  const console = existsSync(`${folder}/console`) ? readFileSync(`${folder}/console`, 'utf8') : '';
  const tail = (text: string) => text.trim().split('\n').slice(-15).join('\n');
  return new EngineError('unavailable', `${message}; the end of its console:\n${tail(console)}\nand of its output:\n${tail(output)}`);
}

function commandScript(command: readonly string[], options: VmOptions): string {
  const lines = Object.entries(options.env ?? {}).map(([key, value]) => {
    if (!/^[A-Za-z_]\w*$/.test(key)) throw new EngineError('invalid', `"${key}" is not an environment variable's name`);
    return `export ${key}=${quote(value)}`;
  });
  return [...lines, `cd ${quote(options.cwd ?? projectDir)} || exit 1`, `exec ${command.map(quote).join(' ')}`, ''].join('\n');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function beside(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
