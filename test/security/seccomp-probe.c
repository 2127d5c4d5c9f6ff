/*
 * What does the system call filter around this process answer? Static, no arguments needed: cc -static -O1.
 *
 *   seccomp-probe          every system call 0..480 for real, in a child each, with arguments that do nothing:
 *                          "nr errno" (0: it succeeded), "nr killed SIGNAL" or "nr skipped"
 *   seccomp-probe verdict  what the filter decides, without running anything: "abi nr arg0 allow",
 *                          "abi nr arg0 errno E" or "abi nr arg0 killed SIGNAL"; every ABI of the machine
 *   seccomp-probe hold     say "ready" and wait, so that somebody can look at this process from outside
 *
 * "verdict" stacks a second filter that answers SECCOMP_RET_TRACE to everything. The kernel takes the stricter of two
 * answers, so the tracer hears of a call only when the filter under test would have let it through; the tracer then
 * kills the child before the call runs. So the answer depends neither on capabilities nor on the kernel's version.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST 480

struct answer {
  volatile int done;
  volatile long value;
};
static struct answer *answer;

/* The call itself, not through libc: nothing else may happen between the filter and it. */
static long call(long nr, long a, long rest) {
#if defined(__x86_64__)
  register long r10 asm("r10") = rest, r8 asm("r8") = rest, r9 asm("r9") = rest;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(nr), "D"(a), "S"(rest), "d"(rest), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = nr, x0 asm("x0") = a, x1 asm("x1") = rest, x2 asm("x2") = rest;
  register long x3 asm("x3") = rest, x4 asm("x4") = rest, x5 asm("x5") = rest;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#endif
}

#if defined(__x86_64__)
/* The 32-bit ABI of a 64-bit process: AUDIT_ARCH_I386. */
static long call32(long nr, long a, long rest) {
  long result;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(nr), "b"(a), "c"(rest), "d"(rest), "S"(rest), "D"(rest)
               : "r8", "r9", "r10", "r11", "memory");
  return (int)result;
}
#endif

/* Calls that end or stop the child, or that would do something to the machine if nothing stood in their way. */
static int dangerous(int nr) {
  switch (nr) {
  case SYS_exit:
  case SYS_exit_group:
  case SYS_rt_sigreturn:
  case SYS_vhangup:
  case SYS_reboot:
#ifdef SYS_pause
  case SYS_pause:
#endif
    return 1;
  }
  return 0;
}

static void run_all(void) {
  for (int nr = 0; nr <= LAST; nr++) {
    if (dangerous(nr)) {
      printf("%d skipped\n", nr);
      continue;
    }
    answer->done = 0;
    fflush(stdout);
    pid_t self = fork();
    if (self == 0) {
      alarm(5);
      self = getpid();
      long value = call(nr, -1, -1);
      if (syscall(SYS_getpid) == self) { /* fork and vfork return twice */
        answer->value = value;
        answer->done = 1;
      }
      syscall(SYS_exit_group, 0);
    }
    int status = 0;
    while (waitpid(self, &status, 0) < 0 && errno == EINTR) continue;
    if (answer->done)
      printf("%d %ld\n", nr, answer->value < 0 && answer->value > -4096 ? -answer->value : 0);
    else
      printf("%d killed %d\n", nr, WTERMSIG(status));
  }
}

typedef long caller(long nr, long a, long rest);

static void judge(const char *abi, caller *make, long nr, int with_argument, unsigned long a) {
  struct sock_filter trace_all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE)};
  struct sock_fprog program = {1, trace_all};
  int status = 0;
  answer->done = 0;
  pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
      answer->value = -errno;
      answer->done = 2;
      for (;;) raise(SIGKILL);
    }
    answer->value = make(nr, (long)a, 0);
    answer->done = 1;
    for (;;) syscall(SYS_getpid); /* heard of by the tracer, or answered by the filter: then it is killed below */
  }
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL);
  ptrace(PTRACE_CONT, child, 0, 0);
  waitpid(child, &status, 0);
  printf("%s %ld ", abi, nr & 0xffffff);
  printf(with_argument ? "0x%lx " : "- ", a);
  if (answer->done == 2)
    printf("failed %ld\n", -answer->value);
  else if (answer->done)
    printf("errno %ld\n", -answer->value);
  else if (WIFSTOPPED(status) && status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8))
    printf("allow\n");
  else
    printf("killed %d\n", WIFSTOPPED(status) ? WSTOPSIG(status) : WTERMSIG(status));
  if (!WIFSIGNALED(status) && !WIFEXITED(status)) {
    kill(child, SIGKILL);
    while (waitpid(child, &status, 0) == child && !WIFSIGNALED(status) && !WIFEXITED(status)) continue;
  }
}

static void judge_abi(const char *abi, caller *make, long bit, long personality, long clone, long socket) {
  static const unsigned long personalities[] = {0,          8,           0x20000,     0x20008,           0xffffffff, 1,
                                                0x40000,    0x20001,     0x100000000, 0xffffffffffffffff, 0x8000000};
  for (long nr = 0; nr <= LAST; nr++) judge(abi, make, nr | bit, 0, 0);
  for (unsigned i = 0; i < sizeof personalities / sizeof *personalities; i++)
    judge(abi, make, personality | bit, 1, personalities[i]);
  for (int i = 0; i < 36; i++) judge(abi, make, clone | bit, 1, 1ul << i);
  judge(abi, make, clone | bit, 1, 0x01200011); /* as fork does */
  judge(abi, make, clone | bit, 1, 0x003d0f00); /* as pthread_create does */
  for (unsigned long domain = 0; domain < 48; domain++) judge(abi, make, socket | bit, 1, domain);
  judge(abi, make, socket | bit, 1, 0x100000028);
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  answer = mmap(NULL, sizeof *answer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (answer == MAP_FAILED) return 1;
  if (argc < 2) {
    run_all();
  } else if (strcmp(argv[1], "verdict") == 0) {
#if defined(__x86_64__)
    judge_abi("x86_64", call, 0, SYS_personality, SYS_clone, SYS_socket);
    judge_abi("x32", call, 0x40000000, SYS_personality, SYS_clone, SYS_socket);
    judge_abi("x86", call32, 0, 136, 120, 359);
    for (unsigned long number = 0; number < 26; number++) {
      judge("x86", call32, 102, 1, number); /* socketcall */
      judge("x86", call32, 117, 1, number); /* ipc */
    }
#else
    judge_abi("aarch64", call, 0, SYS_personality, SYS_clone, SYS_socket);
#endif
  } else if (strcmp(argv[1], "hold") == 0) {
    printf("ready\n");
    fflush(stdout);
    pause();
  } else {
    return 2;
  }
  return fflush(stdout) == 0 ? 0 : 1;
}
