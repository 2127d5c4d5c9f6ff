/*
 * System calls without a C library, for x86_64 and aarch64. Every sys_ function returns what the kernel does: a value,
 * or a negative errno. Types and constants come from the kernel's own headers (linux-libc-dev, linux-headers).
 */
#ifndef KOBAKO_SYS_H
#define KOBAKO_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include <linux/uio.h>
#include <linux/un.h>
#include <linux/wait.h>
#include <asm/ioctls.h>
#include <asm/stat.h>
#include <asm/statfs.h>

/* What the kernel's headers lack, or have under names that only a C library may use. */
#define AF_UNIX 1
#define AF_INET 2
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_SEQPACKET 5
#define SOCK_CLOEXEC O_CLOEXEC
#define SOCK_NONBLOCK O_NONBLOCK
#define SOL_SOCKET 1
#define SO_PEERCRED 17
#define SCM_RIGHTS 1
#define SHUT_RD 0
#define SHUT_WR 1
#define SHUT_RDWR 2
#define MSG_PEEK 2
#define MSG_CTRUNC 8
#define MSG_TRUNC 0x20
#define MSG_DONTWAIT 0x40
#define MSG_NOSIGNAL 0x4000
#define MSG_CMSG_CLOEXEC 0x40000000
#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_SHARED 1
#define MAP_PRIVATE 2
#define MAP_ANONYMOUS 0x20
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGBUS 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGUSR1 10
#define SIGSEGV 11
#define SIGUSR2 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGCHLD 17
#define SIGCONT 18
#define SIGSTOP 19
#define SIGTSTP 20
#define SIGTTIN 21
#define SIGTTOU 22
#define SIGURG 23
#define SIGWINCH 28
#define SIGSYS 31
#define SIGNAL_MAX 64
#define SFD_CLOEXEC O_CLOEXEC
#define SFD_NONBLOCK O_NONBLOCK
#define MFD_CLOEXEC 1u
#define CLD_EXITED 1
#define CLD_KILLED 2
#define CLD_DUMPED 3
#define UMOUNT_DETACH 2
#define CLOSE_RANGE_CLOEXEC 4u
#define PATH_MAX 4096

struct socket_message { /* struct msghdr */
  void *name;
  uint32_t name_len;
  struct iovec *parts;
  size_t part_count;
  void *control;
  size_t control_len;
  int flags;
};
struct fd_control { /* struct cmsghdr and one fd */
  size_t len; /* 20: without the padding */
  int level;
  int type;
  int fd;
  int padding;
};
#define FD_CONTROL_LEN 20
struct wait_info { /* siginfo_t as waitid fills it */
  int signo, error, code, gap;
  int pid;
  uint32_t uid;
  int status; /* exit code, or signal */
  char rest[100];
};
struct signal_action { /* the kernel's struct sigaction; handler 0 SIG_DFL, 1 SIG_IGN */
  uintptr_t handler;
  unsigned long flags;
  uintptr_t restorer;
  uint64_t mask;
};
struct signal_event { /* struct signalfd_siginfo */
  uint32_t signo;
  int32_t error, code;
  uint32_t pid, uid;
  char rest[108];
};
struct window_size {
  uint16_t rows, cols, x, y;
};

/* ---- the call itself ---- */
#if defined(__x86_64__)
static inline long sys_call6(long n, long a, long b, long c, long d, long e, long f) {
  long ret;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(ret) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return ret;
}
static inline long sys_call3(long n, long a, long b, long c) {
  long ret;
  __asm__ volatile("syscall" : "=a"(ret) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return ret;
}
static inline void sys_pause_cpu(void) { __asm__ volatile("pause" ::: "memory"); }
#elif defined(__aarch64__)
static inline long sys_call6(long n, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = n;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
static inline long sys_call3(long n, long a, long b, long c) { return sys_call6(n, a, b, c, 0, 0, 0); }
static inline void sys_pause_cpu(void) { __asm__ volatile("yield" ::: "memory"); }
#else
#error "kobako-helper supports x86_64 and aarch64"
#endif

#define SYS6(n, a, b, c, d, e, f) \
  sys_call6(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYS5(n, a, b, c, d, e) SYS6(n, a, b, c, d, e, 0)
#define SYS4(n, a, b, c, d) SYS6(n, a, b, c, d, 0, 0)
#define SYS3(n, a, b, c) sys_call3(__NR_##n, (long)(a), (long)(b), (long)(c))
#define SYS2(n, a, b) SYS3(n, a, b, 0)
#define SYS1(n, a) SYS3(n, a, 0, 0)
#define SYS0(n) SYS3(n, 0, 0, 0)

/* ---- files ---- */
static inline long sys_read(int fd, void *buf, size_t len) { return SYS3(read, fd, buf, len); }
static inline long sys_write(int fd, const void *buf, size_t len) { return SYS3(write, fd, buf, len); }
static inline long sys_writev(int fd, const struct iovec *parts, int count) { return SYS3(writev, fd, parts, count); }
static inline long sys_pread(int fd, void *buf, size_t len, int64_t at) { return SYS4(pread64, fd, buf, len, at); }
static inline long sys_pwrite(int fd, const void *buf, size_t len, int64_t at) { return SYS4(pwrite64, fd, buf, len, at); }
static inline long sys_close(int fd) { return SYS1(close, fd); }
static inline long sys_close_range(unsigned first, unsigned last, unsigned flags) {
  return SYS3(close_range, first, last, flags);
}
static inline long sys_openat(int dir, const char *path, int flags, unsigned mode) {
  return SYS4(openat, dir, path, flags, mode);
}
static inline long sys_openat2(int dir, const char *path, const struct open_how *how) {
  return SYS4(openat2, dir, path, how, sizeof *how);
}
static inline long sys_lseek(int fd, int64_t offset, int whence) { return SYS3(lseek, fd, offset, whence); }
static inline long sys_ftruncate(int fd, int64_t size) { return SYS2(ftruncate, fd, size); }
/* FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE */
static inline long sys_punch_hole(int fd, int64_t at, int64_t len) { return SYS4(fallocate, fd, 3, at, len); }
static inline long sys_fsync(int fd) { return SYS1(fsync, fd); }
static inline long sys_fstat(int fd, struct stat *st) { return SYS2(fstat, fd, st); }
static inline long sys_fstatat(int dir, const char *path, struct stat *st, int flags) {
  return SYS4(newfstatat, dir, path, st, flags);
}
static inline long sys_fstatfs(int fd, struct statfs *st) { return SYS2(fstatfs, fd, st); }
static inline long sys_mkdirat(int dir, const char *path, unsigned mode) { return SYS3(mkdirat, dir, path, mode); }
static inline long sys_getdents64(int fd, void *buf, size_t len) { return SYS3(getdents64, fd, buf, len); }
static inline long sys_unlinkat(int dir, const char *path, int flags) { return SYS3(unlinkat, dir, path, flags); }
static inline long sys_renameat(int from_dir, const char *from, int to_dir, const char *to) {
  return SYS5(renameat2, from_dir, from, to_dir, to, 0);
}
static inline long sys_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
  return SYS5(linkat, from_dir, from, to_dir, to, flags);
}
static inline long sys_symlinkat(const char *target, int dir, const char *path) {
  return SYS3(symlinkat, target, dir, path);
}
static inline long sys_readlinkat(int dir, const char *path, char *buf, size_t len) {
  return SYS4(readlinkat, dir, path, buf, len);
}
static inline long sys_mknodat(int dir, const char *path, unsigned mode, uint64_t dev) {
  return SYS4(mknodat, dir, path, mode, dev);
}
static inline long sys_fchownat(int dir, const char *path, uint32_t uid, uint32_t gid, int flags) {
  return SYS5(fchownat, dir, path, uid, gid, flags);
}
static inline long sys_fchmod(int fd, unsigned mode) { return SYS2(fchmod, fd, mode); }
static inline long sys_umask(unsigned mask) { return SYS1(umask, mask); }
static inline long sys_getcwd(char *buf, size_t len) { return SYS2(getcwd, buf, len); }
static inline long sys_chdir(const char *path) { return SYS1(chdir, path); }
static inline long sys_fchdir(int fd) { return SYS1(fchdir, fd); }
static inline long sys_chroot(const char *path) { return SYS1(chroot, path); }
static inline long sys_fcntl(int fd, int cmd, long arg) { return SYS3(fcntl, fd, cmd, arg); }
static inline long sys_ioctl(int fd, unsigned long request, void *arg) { return SYS3(ioctl, fd, request, arg); }
static inline long sys_dup3(int from, int to, int flags) { return SYS3(dup3, from, to, flags); }
static inline long sys_pipe2(int fds[2], int flags) { return SYS2(pipe2, fds, flags); }
static inline long sys_sendfile(int out, int in, int64_t *offset, size_t count) {
  return SYS4(sendfile, out, in, offset, count);
}
static inline long sys_memfd_create(const char *name, unsigned flags) { return SYS2(memfd_create, name, flags); }
static inline long sys_ppoll(struct pollfd *fds, unsigned count, const struct __kernel_timespec *timeout) {
  return SYS5(ppoll, fds, count, timeout, 0, 8);
}
/* Milliseconds, or -1 for ever. */
static inline long sys_poll(struct pollfd *fds, unsigned count, int timeout_ms) {
  struct __kernel_timespec t = {timeout_ms / 1000, (timeout_ms % 1000) * 1000000L};
  return sys_ppoll(fds, count, timeout_ms < 0 ? NULL : &t);
}

/* ---- memory and time ---- */
/* The address, or a negative errno: test with sys_is_error. */
static inline void *sys_mmap(size_t len, int prot, int flags, int fd, int64_t offset) {
  return (void *)SYS6(mmap, 0, len, prot, flags, fd, offset);
}
static inline bool sys_is_error(const void *address) { return (uintptr_t)address >= (uintptr_t)-4095; }
static inline long sys_munmap(void *address, size_t len) { return SYS2(munmap, address, len); }
/* Give the memory of whole pages back; they read as zero afterwards. */
static inline long sys_madvise_dontneed(void *address, size_t len) { return SYS3(madvise, address, len, 4); }
static inline long sys_clock_gettime(int clock, struct __kernel_timespec *t) { return SYS2(clock_gettime, clock, t); }
static inline uint64_t sys_now(int clock) { /* nanoseconds */
  struct __kernel_timespec t = {0, 0};
  sys_clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static inline void sys_sleep_us(unsigned us) {
  struct __kernel_timespec t = {us / 1000000, (us % 1000000) * 1000L};
  SYS2(nanosleep, &t, 0);
}

/* ---- sockets ---- */
static inline long sys_socket(int family, int type, int protocol) { return SYS3(socket, family, type, protocol); }
static inline long sys_socketpair(int family, int type, int protocol, int fds[2]) {
  return SYS4(socketpair, family, type, protocol, fds);
}
static inline long sys_bind(int fd, const void *address, unsigned len) { return SYS3(bind, fd, address, len); }
static inline long sys_connect(int fd, const void *address, unsigned len) { return SYS3(connect, fd, address, len); }
static inline long sys_listen(int fd, int backlog) { return SYS2(listen, fd, backlog); }
static inline long sys_accept4(int fd, void *address, unsigned *len, int flags) {
  return SYS4(accept4, fd, address, len, flags);
}
static inline long sys_shutdown(int fd, int how) { return SYS2(shutdown, fd, how); }
static inline long sys_send(int fd, const void *buf, size_t len, int flags) {
  return SYS6(sendto, fd, buf, len, flags, 0, 0);
}
static inline long sys_recv(int fd, void *buf, size_t len, int flags) {
  return SYS6(recvfrom, fd, buf, len, flags, 0, 0);
}
static inline long sys_sendmsg(int fd, const struct socket_message *m, int flags) { return SYS3(sendmsg, fd, m, flags); }
static inline long sys_recvmsg(int fd, struct socket_message *m, int flags) { return SYS3(recvmsg, fd, m, flags); }
static inline long sys_setsockopt(int fd, int level, int name, const void *value, unsigned len) {
  return SYS5(setsockopt, fd, level, name, value, len);
}

static inline long sys_getsockopt(int fd, int level, int name, void *value, unsigned *len) {
  return SYS5(getsockopt, fd, level, name, value, len);
}

/* ---- mounts ---- */
static inline long sys_fsopen(const char *type, unsigned flags) { return SYS2(fsopen, type, flags); }
static inline long sys_fsconfig(int fs, unsigned cmd, const char *key, const void *value, int aux) {
  return SYS5(fsconfig, fs, cmd, key, value, aux);
}
static inline long sys_fsmount(int fs, unsigned flags, unsigned attrs) { return SYS3(fsmount, fs, flags, attrs); }
static inline long sys_open_tree(int dir, const char *path, unsigned flags) { return SYS3(open_tree, dir, path, flags); }
static inline long sys_move_mount(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
  return SYS5(move_mount, from_dir, from, to_dir, to, flags);
}
static inline long sys_mount_setattr(int dir, const char *path, unsigned flags, const struct mount_attr *attr) {
  return SYS5(mount_setattr, dir, path, flags, attr, sizeof *attr);
}
static inline long sys_mount(const char *source, const char *path, const char *type, unsigned long flags, const void *data) {
  return SYS5(mount, source, path, type, flags, data);
}
static inline long sys_umount2(const char *path, int flags) { return SYS2(umount2, path, flags); }
static inline long sys_pivot_root(const char *root, const char *old) { return SYS2(pivot_root, root, old); }

/* ---- processes ---- */
static inline long sys_clone3(struct clone_args *args) { return SYS2(clone3, args, sizeof *args); }
static inline long sys_fork(void) { return SYS5(clone, SIGCHLD, 0, 0, 0, 0); }
static inline long sys_execve(const char *path, char *const *argv, char *const *envp) {
  return SYS3(execve, path, argv, envp);
}
static inline long sys_execveat(int dir, const char *path, char *const *argv, char *const *envp, int flags) {
  return SYS5(execveat, dir, path, argv, envp, flags);
}
__attribute__((noreturn)) static inline void sys_exit(int code) {
  for (;;) SYS1(exit_group, code);
}
/* id_type: P_ALL 0, P_PID 1, P_PIDFD 3 */
static inline long sys_waitid(int id_type, int id, struct wait_info *info, int options) {
  return SYS5(waitid, id_type, id, info, options, 0);
}
static inline long sys_wait4(int pid, int *status, int options) { return SYS4(wait4, pid, status, options, 0); }
static inline long sys_kill(int pid, int signal) { return SYS2(kill, pid, signal); }
static inline long sys_pidfd_open(int pid, unsigned flags) { return SYS2(pidfd_open, pid, flags); }
static inline long sys_pidfd_send_signal(int pidfd, int signal) { return SYS4(pidfd_send_signal, pidfd, signal, 0, 0); }
static inline long sys_pidfd_getfd(int pidfd, int fd) { return SYS3(pidfd_getfd, pidfd, fd, 0); }
static inline long sys_getpid(void) { return SYS0(getpid); }
static inline long sys_getppid(void) { return SYS0(getppid); }
static inline long sys_setsid(void) { return SYS0(setsid); }
static inline long sys_setpgid(int pid, int group) { return SYS2(setpgid, pid, group); }
static inline long sys_getpgid(int pid) { return SYS1(getpgid, pid); }
static inline long sys_unshare(unsigned long flags) { return SYS1(unshare, flags); }
static inline long sys_setns(int fd, int flags) { return SYS2(setns, fd, flags); }
static inline long sys_sethostname(const char *name, size_t len) { return SYS2(sethostname, name, len); }
static inline long sys_setdomainname(const char *name, size_t len) { return SYS2(setdomainname, name, len); }
static inline long sys_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  return SYS5(prctl, option, a, b, c, d);
}
static inline long sys_capset(void *header, const void *data) { return SYS2(capset, header, data); }
static inline long sys_seccomp(unsigned op, unsigned flags, void *args) { return SYS3(seccomp, op, flags, args); }
static inline long sys_bpf(int command, void *attr, unsigned size) { return SYS3(bpf, command, attr, size); }
static inline long sys_setgroups(size_t count, const uint32_t *gids) { return SYS2(setgroups, count, gids); }
static inline long sys_setresuid(uint32_t r, uint32_t e, uint32_t s) { return SYS3(setresuid, r, e, s); }
static inline long sys_setresgid(uint32_t r, uint32_t e, uint32_t s) { return SYS3(setresgid, r, e, s); }
static inline long sys_prlimit(int pid, int resource, const uint64_t limit[2], uint64_t old[2]) {
  return SYS4(prlimit64, pid, resource, limit, old);
}
static inline long sys_sched_setattr(int pid, const void *attr) { return SYS3(sched_setattr, pid, attr, 0); }
static inline long sys_sched_setaffinity(int pid, size_t len, const void *mask) {
  return SYS3(sched_setaffinity, pid, len, mask);
}
static inline long sys_ioprio_set(int which, int who, int value) { return SYS3(ioprio_set, which, who, value); }
static inline long sys_personality(unsigned long persona) { return SYS1(personality, persona); }
/* Bit N-1 of a mask is signal N. */
static inline long sys_sigprocmask(int how, const uint64_t *set, uint64_t *old) {
  return SYS4(rt_sigprocmask, how, set, old, 8);
}
static inline long sys_sigaction(int signal, const struct signal_action *action, struct signal_action *old) {
  return SYS4(rt_sigaction, signal, action, old, 8);
}
static inline long sys_signalfd(int fd, const uint64_t *set, int flags) { return SYS4(signalfd4, fd, set, 8, flags); }
static inline uint64_t signal_bit(int signal) { return (uint64_t)1 << (signal - 1); }

/* ---- memory and text: sys.c ---- */
void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
void *memchr(const void *data, int byte, size_t len);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

/* Text that is being put together in a buffer. What does not fit is left out, and `full` is set. */
struct text {
  char *data;
  size_t len, cap;
  bool full;
};
void put(struct text *t, const char *data, size_t len);
void put_str(struct text *t, const char *s);
void put_char(struct text *t, char c);
void put_num(struct text *t, int64_t n);                  /* decimal */
void put_json(struct text *t, const char *data, size_t len); /* with its quotes; bytes over 0x7f as they are */
/* A decimal number at the start of data; -1 where there is none or it is over 2^31-1. *used: digits read. */
int64_t parse_num(const char *data, size_t len, size_t *used);

/* All of it, over short writes and EINTR; on a socket without SIGPIPE. 0 or a negative errno. send_all gives up with
   -ETIMEDOUT when the other side takes nothing for 5 seconds: it may have been stopped. */
long write_all(int fd, const char *data, size_t len);
long send_all(int fd, const char *data, size_t len);

/* One message with one fd (-1: none), and receiving one. recv_fd returns the length; *fd is -1 where none came. */
long send_fd(int socket, const void *data, size_t len, int fd);
long recv_fd(int socket, void *data, size_t len, int *fd, int flags);

/* The address of a Unix socket at any path. A path of more than 107 bytes goes through /proc/self/fd: *dir is then an
   fd to close after use, else -1. Returns the length of the address, or a negative errno. */
long unix_address(struct sockaddr_un *address, const char *path, int *dir);

#endif
