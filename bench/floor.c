/* The floor: clone3 with namespaces, overlay, pivot_root, exec, wait. Nothing else, no checks. floor ROOT SCRATCH CMD... */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  struct clone_args args;
  memset(&args, 0, sizeof args);
  args.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;
  args.exit_signal = SIGCHLD;
  long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return perror("clone3"), 1;
  if (pid == 0) {
    char data[8192];
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) return perror("slave"), 1;
    if (mount("tmpfs", argv[2], "tmpfs", 0, NULL)) return perror("tmpfs"), 1;
    if (chdir(argv[2])) return 1;
    syscall(SYS_mkdir, "u", 0755), syscall(SYS_mkdir, "w", 0755), syscall(SYS_mkdir, "m", 0755);
    snprintf(data, sizeof data, "lowerdir=%s,upperdir=u,workdir=w", argv[1]);
    if (mount("overlay", "m", "overlay", 0, data)) return perror("overlay"), 1;
    if (chdir("m")) return 1;
    if (syscall(SYS_pivot_root, ".", ".")) return perror("pivot_root"), 1;
    if (umount2(".", MNT_DETACH)) return perror("umount"), 1;
    execv(argv[3], argv + 3);
    return 127;
  }
  int status = 0;
  waitpid((pid_t)pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
