/** Runs plans through the native helper as it is, and keeps every event. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { encodePlan } from '../../src/plan/encode.ts';
import type { Op, Plan } from '../../src/plan/ops.ts';
import { projectDir } from './paths.ts';
import { run } from './run.ts';

export const helperPath = process.env.KOBAKO_HELPER ?? join(projectDir, 'dist/kobako-helper');

export interface HelperEvent {
  readonly event: string;
  readonly pid?: number;
  readonly name?: string;
  readonly index?: number;
  readonly op?: string;
  readonly side?: string;
  readonly errno?: number;
  readonly detail?: string;
  readonly status?: number;
  readonly signal?: number;
  readonly startedAt?: string;
  readonly exitedAt?: string;
  readonly reports?: Readonly<Record<string, string>>;
}

export interface HelperResult {
  readonly events: readonly HelperEvent[];
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HelperOptions {
  /** Sees each event; what it returns is written to the channel, and `null` ends the channel. */
  readonly onEvent?: (event: HelperEvent) => string | null | void;
  /** Nothing is written after the plan. */
  readonly end?: boolean;
  /** Started with fds 0, 1 and 2 closed. */
  readonly closedStdio?: boolean;
}

/** Why the helper cannot be tested here, or undefined. */
export function helperMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  return existsSync(helperPath) ? undefined : 'dist/kobako-helper is not built: run node scripts/prepare.mjs';
}

/** Runs a plan, or bytes that may be no plan, to the helper's end. */
export function runHelper(plan: Plan | readonly Op[] | Uint8Array, options: HelperOptions = {}): Promise<HelperResult> {
  const bytes = plan instanceof Uint8Array ? plan : encodePlan('ops' in plan ? plan : { ops: plan });
  return new Promise((resolve, reject) => {
    const [command, args] = options.closedStdio ? ['/bin/sh', ['-c', 'exec "$0" run 3 <&- >&- 2>&-', helperPath]] : [helperPath, ['run', '3']];
    const child = spawn(command as string, args as string[], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], cwd: '/', env: {} });
    const channel = child.stdio[3] as Socket;
    const events: HelperEvent[] = [];
    const text = { stdout: '', stderr: '', channel: '' };
    child.stdout!.setEncoding('utf8').on('data', (data: string) => (text.stdout += data));
    child.stderr!.setEncoding('utf8').on('data', (data: string) => (text.stderr += data));
    channel.setEncoding('utf8');
    channel.on('error', () => {});
    channel.on('data', (data: string) => {
      const lines = (text.channel + data).split('\n');
      text.channel = lines.pop()!;
      for (const line of lines) {
        const event = JSON.parse(line) as HelperEvent;
        events.push(event);
        const answer = options.onEvent?.(event);
        if (typeof answer === 'string') channel.write(answer);
        if (answer === null) channel.end();
      }
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ events, code, stdout: text.stdout, stderr: text.stderr });
    });
    channel.write(bytes);
    if (options.end) channel.end();
  });
}

/** Builds test/native/probe.c, a static program, into a folder; or says why this machine cannot. */
export async function buildProbe(folder: string): Promise<{ path: string } | { skip: string }> {
  const path = join(folder, 'probe');
  const cc = process.env.CC ?? 'cc';
  const source = join(projectDir, 'test/native/probe.c');
  const made = await run(cc, ['-O1', '-Wall', '-static', source, '-o', path]).catch(() => undefined);
  if (made === undefined) return { skip: `no C compiler (${cc})` };
  return made.code === 0 ? { path } : { skip: `cannot compile a static program: ${made.stderr.slice(0, 300)}` };
}

const CLONE = 0x20000 | 0x4000000 | 0x20000000; // mount, uts, pid

/** A new file system as operations, detached in slot `into`. */
export function newFileSystem(into: string, type: string, options: Readonly<Record<string, string>> = {}): Op[] {
  const side = 'container';
  return [
    { op: 'fsopen', side, into: `${into}.fs`, type },
    ...Object.entries(options).map(([key, value]) => ({ op: 'fs-set', side, fs: `${into}.fs`, key, value }) as Op),
    { op: 'fs-create', side, fs: `${into}.fs` },
    { op: 'fsmount', side, into, fs: `${into}.fs`, attrs: 0 },
    { op: 'close', side, slot: `${into}.fs` },
  ];
}

/** Operations of a container whose root is a tmpfs with the probe at /probe and a /proc. */
export function containerOps(probe: string, mountPoint: string, args: readonly string[], extra: ContainerExtra = {}): Op[] {
  const side = 'container';
  return [
    ...(extra.beforeClone ?? []),
    { op: 'clone', side: 'monitor', flags: extra.flags ?? CLONE },
    { op: 'propagation', side, path: '/', flags: 0x40000 | 0x4000 },
    ...(extra.early ?? []),
    ...newFileSystem('root', 'tmpfs'),
    { op: 'move-mount', side, from: 'root', path: mountPoint },
    { op: 'open-tree', side, into: 'probe', path: probe, flags: 1 },
    { op: 'ensure-file', side, into: 'probe-at', root: 'root', path: '/probe', mode: 0o755 },
    { op: 'move-mount', side, from: 'probe', dir: 'probe-at', path: '' },
    ...newFileSystem('proc', 'proc'),
    { op: 'ensure-dir', side, into: 'proc-at', root: 'root', path: '/proc', mode: 0o755 },
    { op: 'move-mount', side, from: 'proc', dir: 'proc-at', path: '' },
    ...(extra.inRoot ?? []),
    { op: 'pivot-root', side, root: 'root' },
    ...(extra.last ?? []),
    { op: 'exec', side, argv: ['/probe', ...args], env: ['KEY=value'], path: '' },
    ...(extra.monitor ?? []),
    ...(extra.cleanup ?? []),
  ];
}

export interface ContainerExtra {
  readonly flags?: number;
  readonly beforeClone?: readonly Op[];
  /** Before the root is there. */
  readonly early?: readonly Op[];
  /** With the root in slot `root`, before pivot_root. */
  readonly inRoot?: readonly Op[];
  /** After pivot_root. */
  readonly last?: readonly Op[];
  /** The monitor's, after clone. */
  readonly monitor?: readonly Op[];
  readonly cleanup?: readonly Op[];
}
