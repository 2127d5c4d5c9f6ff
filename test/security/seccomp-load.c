/*
 * seccomp-load FILTER CAPABILITIES PROGRAM ARGS...: become PROGRAM with only the capabilities of that hexadecimal mask
 * (0xffff... keeps what there is) and with the system call filter in FILTER (struct sock_filter[]). For tests of a
 * filter without the engine. With no capability to install it, no_new_privs is set.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sock_filter filter[4097];

static int fail(const char *what) {
  perror(what);
  return 125;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
  ssize_t size = fd < 0 ? -1 : read(fd, filter, sizeof filter);
  if (size <= 0 || size % 8 != 0) return fail(argv[1]);
  struct sock_fprog program = {size / 8, filter};
  unsigned long long keep = strtoull(argv[2], NULL, 16);
  if (geteuid() == 0 && keep != ~0ull) {
    for (int cap = 0; cap < 64; cap++)
      if (!(keep >> cap & 1) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
        return fail("PR_CAPBSET_DROP");
  }
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
    if (errno != EACCES) return fail("seccomp");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return fail("PR_SET_NO_NEW_PRIVS");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) return fail("seccomp");
  }
  /* root's exec below makes the permitted set what the bounding set allows */
  execv(argv[3], argv + 3);
  return fail(argv[3]);
}
