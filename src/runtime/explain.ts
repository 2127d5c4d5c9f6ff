/** A plan for people to read, and as JSON: `kobako explain`. A failed step is shown the same way. */
import { ATTR, CLONE_NEW, O, RESOLVE, TREE } from '../kernel/constants.ts';
import { OPS, type Op, type Plan } from '../plan/ops.ts';

const SIDES: Readonly<Record<Op['side'], string>> = {
  monitor: 'The monitor, on the host',
  container: "The container's process",
  cleanup: 'At the end, whatever happened',
};
const HIDDEN = new Set(['op', 'side', 'why', 'subject', 'ignore']);
const MAX_TEXT = 60;

/** Numbered steps, each with its arguments, why it is there, and the man page that explains it. */
export function explainPlan(plan: Plan): string {
  const lines: string[] = [];
  let side: Op['side'] | undefined;
  plan.ops.forEach((op, index) => {
    if (op.side !== side) lines.push(...(side === undefined ? [] : ['']), `${SIDES[op.side]}:`);
    side = op.side;
    lines.push(explainStep(op, index));
  });
  return lines.join('\n');
}

/** One step on one line. */
export function explainStep(op: Op, index: number): string {
  const call = `${op.op} ${args(op)}`.trim();
  const { man, does } = OPS[op.op];
  return `${String(index).padStart(4)}  ${visible(call)}\n        ${visible(op.why ?? op.subject ?? does)}  [${man}]`;
}

/** Control characters, which a terminal would obey, as JSON writes them. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The plan with bytes as text where they are text, else as base64. */
export function planJson(plan: Plan): string {
  const ops = plan.ops.map((op) => ({ ...op, man: OPS[op.op].man, does: OPS[op.op].does }));
  return JSON.stringify({ ops }, (_key, value: unknown) => plain(value), 2);
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return text(value) ?? { base64: Buffer.from(value).toString('base64') };
  // a Buffer has been through its own toJSON by now
  const data = (value as { type?: unknown; data?: unknown } | null)?.type === 'Buffer' ? (value as { data: number[] }).data : undefined;
  if (data !== undefined) return plain(Uint8Array.from(data));
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
}

function text(bytes: Uint8Array): string | undefined {
  const decoded = Buffer.from(bytes).toString('utf8');
  return /^[\t\n\x20-\x7e\u00a0-\uffff]*$/.test(decoded) && Buffer.from(decoded).equals(bytes) ? decoded : undefined;
}

function args(op: Op): string {
  return Object.entries(op)
    .filter(([key, value]) => !HIDDEN.has(key) && value !== undefined && value !== '' && !(key === 'resolve' && value === 0))
    .map(([key, value]) => `${key}=${show(op, key, value)}`)
    .join(' ');
}

function show(op: Op, key: string, value: unknown): string {
  if (typeof value === 'number') return names(op, key, value) ?? (key === 'mode' || key === 'mask' ? `0${value.toString(8)}` : String(value));
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) {
    const decoded = text(value);
    return decoded === undefined || decoded.length > MAX_TEXT ? `(${value.length} bytes)` : JSON.stringify(decoded);
  }
  if (Array.isArray(value)) return JSON.stringify(value);
  return typeof value === 'string' && /^[\w./:@,+-]+$/.test(value) ? value : JSON.stringify(value);
}

/** Flags by their names. */
function names(op: Op, key: string, value: number): string | undefined {
  if (key === 'resolve') return flags(value, RESOLVE, 'RESOLVE_');
  if ((key === 'set' || key === 'clear' || key === 'attrs') && value !== 0) return flags(value, ATTR, 'MOUNT_ATTR_');
  if (key !== 'flags') return undefined;
  if (op.op === 'open') return flags(value, O, 'O_') ?? 'O_RDONLY';
  if (op.op === 'clone' || op.op === 'unshare' || op.op === 'setns') {
    return flags(value, Object.fromEntries(Object.entries(CLONE_NEW).map(([name, flag]) => [KERNEL_NAMES[name] ?? name, flag])), 'CLONE_NEW');
  }
  if (op.op === 'open-tree') return flags(value, TREE, '');
  return undefined;
}

const KERNEL_NAMES: Readonly<Record<string, string>> = {
  mount: 'NS',
  network: 'NET',
  pid: 'PID',
  ipc: 'IPC',
  uts: 'UTS',
  user: 'USER',
  cgroup: 'CGROUP',
  time: 'TIME',
};

function flags(value: number, table: Readonly<Record<string, number>>, prefix: string): string | undefined {
  let left = value >>> 0;
  const out: string[] = [];
  for (const [name, flag] of Object.entries(table)) {
    const bits = flag >>> 0;
    if (bits === 0 || (left & bits) >>> 0 !== bits) continue;
    out.push(`${prefix}${name}`);
    left = (left & ~bits) >>> 0;
  }
  if (left !== 0) out.push(`0x${left.toString(16)}`);
  return out.length === 0 ? undefined : out.join('|');
}
