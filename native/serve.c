/*
 * Runs a plan for each connection, in a process of its own. Whoever starts many containers is a large program, and to
 * fork one costs milliseconds of its time; to fork this one costs a tenth of that, and of nobody's.
 */
#include "serve.h"
#include "run.h"

struct peer { /* the kernel's struct ucred */
  int32_t pid;
  uint32_t uid, gid;
};

/* Only whoever started us is served: a plan is run with all that we may do. */
static bool is_starter(int fd, long starter) {
  struct peer peer = {0, 0, 0};
  unsigned len = sizeof peer;
  return sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == starter;
}

static void say_pid(int fd) {
  char data[64];
  struct text t = {data, 0, sizeof data, false};
  put_str(&t, "{\"event\":\"runner\",\"pid\":");
  put_num(&t, sys_getpid());
  put_str(&t, "}\n");
  send_all(fd, t.data, t.len);
}

/* Serves until `channel`, which the starter holds, is closed. A byte on it says that the socket at `path` is there. */
int serve_main(int channel, const char *path) {
  struct signal_action leave = {.handler = 1}, usual = {.handler = 0};
  long starter = sys_getppid();
  sys_setsid();
  sys_fcntl(channel, F_SETFD, FD_CLOEXEC);
  /* those that end are nobody's to wait for */
  sys_sigaction(SIGCHLD, &leave, NULL);
  long listener = unix_socket(path, SOCK_STREAM, 0600);
  if (listener < 0 || write_all(channel, "\n", 1) < 0) return 125;
  for (;;) {
    struct pollfd p[2] = {{channel, POLLIN, 0}, {(int)listener, POLLIN, 0}};
    if (sys_poll(p, 2, -1) < 0) continue;
    if (p[0].revents) break;
    long fd = sys_accept4((int)listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) continue;
    long pid = is_starter((int)fd, starter) ? sys_fork() : -1;
    if (pid == 0) {
      sys_sigaction(SIGCHLD, &usual, NULL);
      sys_close(channel);
      sys_close((int)listener);
      say_pid((int)fd);
      return run_main((int)fd);
    }
    sys_close((int)fd);
  }
  sys_unlinkat(AT_FDCWD, path, 0);
  return 0;
}
