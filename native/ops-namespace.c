/* Namespaces, the clone, and what the monitor does to the container's process from outside. */
#include "ops.h"

HANDLER(unshare) {
  (void)r;
  return sys_unshare((unsigned long)o->flags.num);
}

HANDLER(setns) { return sys_setns(run_fd(r, o->slot), (int)o->flags.num); }

HANDLER(pidfd_open) { return run_open(r, o->into, sys_pidfd_open((int)o->pid.num, 0)); }

HANDLER(clone) {
  int sync[2], pidfd = -1;
  long ret = sys_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync);
  if (ret < 0) return ret;
  for (int i = 0; i < 2; i++)
    if ((sync[i] = (int)above_stdio(sync[i])) < 0) return sync[i];
  struct clone_args args = {
      .flags = (uint64_t)o->flags.num | CLONE_PIDFD | CLONE_PARENT_SETTID,
      .pidfd = (uintptr_t)&pidfd,
      .parent_tid = (uintptr_t)&r->shared->child,
      .exit_signal = SIGCHLD,
  };
  if (o->cgroup.num != SLOT_ABSENT) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (uint64_t)(int64_t)run_fd(r, o->cgroup);
  }
  ret = sys_clone3(&args);
  if (ret == 0) {
    sys_close(sync[0]);
    r->sync = sync[1];
    r->in_child = true;
    /* a waiting container must not hold its starter's end open */
    sys_close(r->channel);
    r->channel = -1;
    return 0;
  }
  sys_close(sync[1]);
  if (ret < 0) {
    sys_close(sync[0]);
    return ret;
  }
  r->sync = sync[0];
  r->pid = (int)ret;
  r->pidfd = pidfd;
  ret = above_stdio(pidfd);
  if (ret >= 0) r->pidfd = (int)ret;
  return ret < 0 ? ret : 0;
}

HANDLER(id_map) {
  char path[512];
  struct text t = {path, 0, sizeof path - 1, false};
  put_str(&t, "/proc/");
  put_num(&t, r->pid);
  put_char(&t, '/');
  put(&t, o->file.data, o->file.len);
  if (t.full) return -ENAMETOOLONG;
  path[t.len] = 0;
  return write_file(AT_FDCWD, path, 0, o->data.data, o->data.len);
}

HANDLER(cgroup_attach) {
  char pid[16];
  struct text t = {pid, 0, sizeof pid, false};
  put_num(&t, r->pid);
  return write_file(run_fd(r, o->dir), o->file.data, 0, pid, t.len);
}

/* One pass over a cgroup.procs file: kills all that it lists but ourselves. Returns how many, or a negative errno. */
static long kill_listed(int dir, const char *path) {
  char data[4096];
  long fd = open_how(dir, path, O_RDONLY, 0, 0), n, killed = 0;
  int pid = 0, own = (int)sys_getpid();
  if (fd < 0) return fd;
  while ((n = sys_read((int)fd, data, sizeof data)) > 0) {
    for (long i = 0; i < n; i++) {
      if (data[i] >= '0' && data[i] <= '9') {
        pid = pid < 100000000 ? pid * 10 + (data[i] - '0') : 0;
        continue;
      }
      if (pid > 1 && pid != own) {
        sys_kill(pid, SIGKILL);
        killed++;
      }
      pid = 0;
    }
  }
  sys_close((int)fd);
  return n == -ENODEV ? 0 : n < 0 ? n : killed;
}

HANDLER(kill_cgroup) {
  uint64_t end = sys_now(CLOCK_MONOTONIC) + 5000000000u;
  unsigned pause = 250;
  for (;;) {
    long killed = kill_listed(run_fd(r, o->dir), o->path.data);
    if (killed <= 0) return killed;
    if (sys_now(CLOCK_MONOTONIC) >= end) return -ETIMEDOUT;
    sys_sleep_us(pause);
    if (pause < 10000) pause *= 2;
  }
}
