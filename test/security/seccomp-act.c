/*
 * One system call or several, and what came of each: a line "value V", "errno E", "trap NR ARCH ERRNO" (SIGSYS caught).
 *
 *   seccomp-act call NR [ARG]         the native ABI, ARG in all six registers
 *   seccomp-act call32 NR [ARG]       int 0x80
 *   seccomp-act x32 NR [ARG]          the native entry with the x32 bit
 *   seccomp-act catch NR              with a handler for SIGSYS
 *   seccomp-act thread NR             in a thread: "thread ended" where it did not come back
 *   seccomp-act traced NR             with a tracer: "event DATA"
 *   seccomp-act args NR INDEX VALUE…  NR once for each value, in register INDEX (the others 0)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(long value) {
  if (value < 0 && value > -4096) printf("errno %ld\n", -value);
  else printf("value %ld\n", value);
  fflush(stdout);
}

static long call6(long nr, const unsigned long a[6]) {
  long value = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
  return value == -1 ? -errno : value;
}

static long call(long nr, unsigned long arg) {
  unsigned long a[6] = {arg, arg, arg, arg, arg, arg};
  return call6(nr, a);
}

#if defined(__x86_64__)
static long call32(long nr, unsigned long arg) {
  long value;
  asm volatile("int $0x80" : "=a"(value) : "a"(nr), "b"(arg), "c"(arg), "d"(arg), "S"(arg), "D"(arg) : "r8", "r9", "r10", "r11", "memory");
  return (int)value;
}
#endif

static void caught(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  printf("trap %d %x %d\n", info->si_syscall, info->si_arch, info->si_errno);
  fflush(stdout);
}

static volatile int back;
static void *in_thread(void *nr) {
  call((long)nr, 0);
  back = 1;
  return NULL;
}

static void traced(long nr) {
  int status;
  unsigned long data = 0;
  pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    call(nr, 0);
    _exit(0);
  }
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL);
  ptrace(PTRACE_CONT, child, 0, 0);
  waitpid(child, &status, 0);
  if (WIFSTOPPED(status) && status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
    ptrace(PTRACE_GETEVENTMSG, child, 0, &data);
    printf("event %lu\n", data);
  } else printf("no event: %x\n", status);
  kill(child, SIGKILL);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *how = argv[1];
  long nr = strtol(argv[2], NULL, 0);
  unsigned long arg = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
  if (strcmp(how, "call") == 0) tell(call(nr, arg));
#if defined(__x86_64__)
  else if (strcmp(how, "call32") == 0) tell(call32(nr, arg));
  else if (strcmp(how, "x32") == 0) tell(call(nr | 0x40000000, arg));
#endif
  else if (strcmp(how, "catch") == 0) {
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &action, NULL);
    call(nr, 0);
  } else if (strcmp(how, "thread") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, in_thread, (void *)nr);
    pthread_join(thread, NULL);
    puts(back ? "came back" : "thread ended");
  } else if (strcmp(how, "traced") == 0) traced(nr);
  else if (strcmp(how, "args") == 0) {
    for (int i = 4; i < argc; i++) {
      unsigned long a[6] = {0};
      a[arg] = strtoul(argv[i], NULL, 0);
      tell(call6(nr, a));
    }
  } else return 2;
  return 0;
}
