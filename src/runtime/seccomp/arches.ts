/** The architectures that a filter can tell apart, and their system call tables. */
import { OTHER_SYSCALLS, SYSCALLS } from './syscalls.gen.ts';

export type ArchName = keyof typeof SYSCALLS;

export interface Arch {
  readonly name: ArchName;
  /** AUDIT_ARCH_*, as in `seccomp_data.arch`. */
  readonly audit: number;
  /** Bits of a system call's argument that conditions compare: of x32's registers the lower half, as libseccomp does. */
  readonly bits: 32 | 64;
  /** Set in the system call's number on top of the table's: __X32_SYSCALL_BIT, or 0. */
  readonly bit: number;
  /** From here on numbers are private to the architecture (__ARM_NR_*): they say nothing of how new a profile is. */
  readonly privateFrom: number;
}

/** __X32_SYSCALL_BIT: x32 shares x86_64's AUDIT_ARCH and differs by this bit of the number. */
export const X32_BIT = 0x40000000;

const NO_PRIVATE = 2 ** 32;

/** Every architecture that there is a table for, by the name that the OCI specification gives it. */
export const ARCHES: Readonly<Record<string, Arch>> = {
  SCMP_ARCH_X86_64: { name: 'x86_64', audit: 0xc000003e, bits: 64, bit: 0, privateFrom: NO_PRIVATE },
  SCMP_ARCH_X32: { name: 'x32', audit: 0xc000003e, bits: 32, bit: X32_BIT, privateFrom: NO_PRIVATE },
  SCMP_ARCH_X86: { name: 'x86', audit: 0x40000003, bits: 32, bit: 0, privateFrom: NO_PRIVATE },
  SCMP_ARCH_AARCH64: { name: 'aarch64', audit: 0xc00000b7, bits: 64, bit: 0, privateFrom: NO_PRIVATE },
  SCMP_ARCH_ARM: { name: 'arm', audit: 0x40000028, bits: 32, bit: 0, privateFrom: 0x0f0000 },
};

/** Names of the specification that no process of a supported host can have: accepted, and left out of the filter. */
export const FOREIGN_ARCHES: ReadonlySet<string> = new Set(
  `MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64 LOONGARCH64
  M68K SH SHEB`
    .split(/\s+/)
    .map((name) => `SCMP_ARCH_${name}`),
);

const tables = new Map<ArchName, ReadonlyMap<string, number>>();

/** The system call numbers of an architecture by name; x32's without their bit. */
export function syscallTable(arch: ArchName): ReadonlyMap<string, number> {
  let table = tables.get(arch);
  if (table === undefined) tables.set(arch, (table = parse(SYSCALLS[arch])));
  return table;
}

function parse(text: string): ReadonlyMap<string, number> {
  const table = new Map<string, number>();
  for (const line of text.trim().split('\n')) {
    const [first, ...runs] = line.split(' ');
    runs.forEach((names, i) => names.split('=').forEach((name) => table.set(name, Number(first) + i)));
  }
  return table;
}

let all: ReadonlySet<string> | undefined;

/** Whether any architecture, supported here or not, has a system call of this name. */
export function isSyscallName(name: string): boolean {
  all ??= new Set([...OTHER_SYSCALLS.trim().split(/\s+/), ...(Object.keys(SYSCALLS) as ArchName[]).flatMap((arch) => [...syscallTable(arch).keys()])]);
  return all.has(name);
}

/**
 * 32-bit x86 has two ways to call these: a number of its own, and a call number given to socketcall(2) or ipc(2)
 * (include/uapi/linux/{net,ipc}.h). A rule for the name covers both.
 */
export const X86_MULTIPLEXED: Readonly<Record<string, readonly [by: string, call: number]>> = {
  socket: ['socketcall', 1],
  bind: ['socketcall', 2],
  connect: ['socketcall', 3],
  listen: ['socketcall', 4],
  accept: ['socketcall', 5],
  getsockname: ['socketcall', 6],
  getpeername: ['socketcall', 7],
  socketpair: ['socketcall', 8],
  send: ['socketcall', 9],
  recv: ['socketcall', 10],
  sendto: ['socketcall', 11],
  recvfrom: ['socketcall', 12],
  shutdown: ['socketcall', 13],
  setsockopt: ['socketcall', 14],
  getsockopt: ['socketcall', 15],
  sendmsg: ['socketcall', 16],
  recvmsg: ['socketcall', 17],
  accept4: ['socketcall', 18],
  recvmmsg: ['socketcall', 19],
  sendmmsg: ['socketcall', 20],
  semop: ['ipc', 1],
  semget: ['ipc', 2],
  semctl: ['ipc', 3],
  semtimedop: ['ipc', 4],
  msgsnd: ['ipc', 11],
  msgrcv: ['ipc', 12],
  msgget: ['ipc', 13],
  msgctl: ['ipc', 14],
  shmat: ['ipc', 21],
  shmdt: ['ipc', 22],
  shmget: ['ipc', 23],
  shmctl: ['ipc', 24],
};
