/* `--init`: pid 1 of a container that runs the program as its child, hands signals on, and reaps what is orphaned. */
#include "monitor.h"

#define TIOCSPGRP_REQUEST 0x5410

static void say(const char *name, const char *what) {
  char data[512];
  struct text t = {data, 0, sizeof data, false};
  put_str(&t, "docker-init: ");
  put_str(&t, name);
  put_str(&t, what);
  put_char(&t, '\n');
  write_all(2, data, t.len);
}

/* execve along PATH, as execvp does. Returns the errno, negative. */
static long exec_search(char **argv, char **envp) {
  const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  static char full[PATH_MAX];
  long error = -ENOENT;
  for (const char *c = argv[0]; *c; c++)
    if (*c == '/') return sys_execve(argv[0], argv, envp);
  for (char **e = envp; *e; e++)
    if (memcmp(*e, "PATH=", 5) == 0) path = *e + 5;
  while (*path) {
    size_t len = 0;
    while (path[len] && path[len] != ':') len++;
    struct text t = {full, 0, sizeof full - 1, false};
    put(&t, path, len);
    put_char(&t, '/');
    put_str(&t, argv[0]);
    full[t.len] = 0;
    long ret = t.full ? -ENAMETOOLONG : sys_execve(full, argv, envp);
    if (ret != -ENOENT && ret != -ENOTDIR) error = ret;
    path += len + (path[len] == ':');
  }
  return error;
}

static int child(char **argv, char **envp, const uint64_t *old) {
  /* a group of its own, in the foreground of the terminal if there is one: ^C reaches it and not us */
  sys_setpgid(0, 0);
  int group = (int)sys_getpid();
  sys_ioctl(0, TIOCSPGRP_REQUEST, &group);
  sys_sigprocmask(SIG_SETMASK, old, NULL);
  long error = exec_search(argv, envp);
  say(argv[0], error == -ENOENT ? ": no such file or directory" : error == -EACCES ? ": permission denied" : ": cannot be executed");
  return error == -ENOENT ? 127 : 126;
}

int init_main(int argc, char **argv, char **envp) {
  uint64_t all = ~(uint64_t)0, old = 0;
  int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
  if (argc <= first) {
    say("usage: ", "docker-init -- CMD ARGS");
    return 2;
  }
  sys_sigprocmask(SIG_SETMASK, &all, &old);
  long signals = sys_signalfd(-1, &all, SFD_CLOEXEC);
  if (signals < 0) return 1;
  long pid = sys_fork();
  if (pid < 0) return 1;
  if (pid == 0) return child(argv + first, envp, &old);
  for (;;) {
    struct signal_event event;
    if (sys_read((int)signals, &event, sizeof event) != sizeof event) continue;
    if (event.signo != SIGCHLD) {
      sys_kill((int)pid, (int)event.signo);
      continue;
    }
    int status = 0, code = -1;
    for (long ended; (ended = sys_wait4(-1, &status, 1 /* WNOHANG */)) > 0;)
      if (ended == pid) code = (status & 0x7f) == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f);
    if (code >= 0) return code;
  }
}
