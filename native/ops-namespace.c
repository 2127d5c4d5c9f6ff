/* Namespaces, the clone, and what the monitor does to the container's process from outside. */
#include "ops.h"

HANDLER(unshare) {
  (void)r;
  return sys_unshare((unsigned long)o->flags.num);
}

HANDLER(setns) { return sys_setns(run_fd(r, o->slot), (int)o->flags.num); }

HANDLER(pidfd_open) { return run_open(r, o->into, sys_pidfd_open((int)o->pid.num, 0)); }

static long end_child(long pid) {
  long ret;
  do ret = sys_wait4((int)pid, NULL, 0x40000000 /* __WALL */);
  while (ret == -EINTR);
  return ret;
}

/* From a child that is in the user namespace: what is new belongs to that. The process still is ours (CLONE_PARENT). */
static long clone_inside(struct runner *r, struct clone_args *args, int userns) {
  struct clone_args first = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};
  args->pidfd = (uintptr_t)&r->shared->pidfd;
  args->flags |= CLONE_PARENT;
  args->exit_signal = 0; /* it gets the signal of the child: SIGCHLD */
  r->shared->cloned = -ECHILD;
  long ret = sys_clone3(&first);
  if (ret == 0) {
    sys_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    ret = sys_setns(userns, CLONE_NEWUSER);
    if (ret >= 0) ret = sys_clone3(args);
    if (ret == 0) return 0;
    r->shared->cloned = (int32_t)ret;
    sys_exit(0);
  }
  if (ret < 0) return ret;
  end_child(ret);
  return r->shared->cloned;
}

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
  ret = o->user.num == SLOT_ABSENT ? sys_clone3(&args) : clone_inside(r, &args, run_fd(r, o->user));
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
  if (o->user.num != SLOT_ABSENT) pidfd = r->shared->pidfd;
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

static long write_proc(long pid, const char *name, const char *data, size_t len) {
  char path[64];
  struct text t = {path, 0, sizeof path - 1, false};
  put_str(&t, "/proc/");
  put_num(&t, pid);
  put_char(&t, '/');
  put_str(&t, name);
  path[t.len] = 0;
  return data ? write_file(AT_FDCWD, path, 0, data, len) : open_how(AT_FDCWD, path, O_RDONLY, 0, 0);
}

#define PIDFD_GET_MNT_NAMESPACE 0xff03 /* Linux 6.11 */

HANDLER(hold_mounts) {
  (void)o;
  long fd = sys_ioctl(r->pidfd, PIDFD_GET_MNT_NAMESPACE, NULL);
  if (fd < 0) fd = write_proc(r->pid, "ns/mnt", NULL, 0);
  r->mounts = (int)fd;
  return 0;
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

/* ---- processes of a moment: what only another process can do, and whose result we keep as an fd ---- */

HANDLER(user_namespace) {
  struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
  long pid = sys_clone3(&args);
  if (pid == 0) {
    sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (;;) sys_poll(NULL, 0, -1);
  }
  if (pid < 0) return pid;
  long ret = write_proc(pid, "uid_map", o->uid_map.data, o->uid_map.len);
  if (ret >= 0) ret = write_proc(pid, "gid_map", o->gid_map.data, o->gid_map.len);
  if (ret >= 0) ret = write_proc(pid, "ns/user", NULL, 0);
  sys_kill((int)pid, SIGKILL);
  end_child(pid);
  return run_open(r, o->into, ret);
}

/* In a mount namespace whose processes may be hostile: no link is followed, so none of ours in /proc can be reached. */
static long tree_in(int process, const char *path, unsigned flags) {
  long ret = sys_setns(process, CLONE_NEWNS);
  if (ret < 0) return ret;
  long fd = open_how(AT_FDCWD, path, O_PATH, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  if (fd < 0) return fd;
  ret = sys_open_tree((int)fd, "", flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  sys_close((int)fd);
  return ret;
}

HANDLER(tree_of) {
  /* it has our fd table: what it opens is ours when it has ended */
  struct clone_args args = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};
  volatile long *result = sys_mmap(4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (sys_is_error((void *)(uintptr_t)result)) return -ENOMEM;
  *result = -ECHILD;
  long ret = sys_clone3(&args);
  if (ret == 0) {
    sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    sys_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    *result = tree_in(run_fd(r, o->process), o->path.data, (unsigned)o->flags.num);
    sys_exit(0);
  }
  if (ret > 0) {
    end_child(ret);
    ret = *result;
  }
  sys_munmap((void *)(uintptr_t)result, 4096);
  return run_open(r, o->into, ret);
}

HANDLER(check_process) {
  char path[32], data[1024];
  struct text t = {path, 0, sizeof path - 1, false};
  (void)r;
  put_str(&t, "/proc/");
  put_num(&t, o->pid.num);
  put_str(&t, "/stat");
  path[t.len] = 0;
  long fd = open_how(AT_FDCWD, path, O_RDONLY, 0, 0);
  if (fd < 0) return fd == -ENOENT ? -ESRCH : fd;
  long n = sys_read((int)fd, data, sizeof data), at = n - 1, field = 2;
  sys_close((int)fd);
  if (n <= 0) return n < 0 ? n : -ESRCH;
  /* the name may have spaces and parentheses in it: fields count from the last one */
  while (at > 0 && data[at] != ')') at--;
  if (at + 2 < n && (data[at + 2] == 'Z' || data[at + 2] == 'X')) return -ESRCH;
  while (at < n && field < 22) field += data[at++] == ' ';
  size_t len = o->start.len;
  bool same = len > 0 && at + (long)len < n && memcmp(data + at, o->start.data, len) == 0 && data[at + (long)len] == ' ';
  return same ? 0 : -ESRCH;
}
