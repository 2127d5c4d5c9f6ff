/* Running programs: the container's own, and hooks. */
#include "ops.h"

#define OUTSIDE "it is outside of the container's root"
#define LINK_OF_PROC "links of /proc are not followed"

/* Says which of the two reasons for ELOOP it was. */
static long loop_or_link(struct runner *r, const char *path) {
  long any = open_how(AT_FDCWD, path, O_PATH, 0, 0);
  if (any == -ELOOP) return any;
  if (any >= 0) sys_close((int)any);
  run_detail(r, LINK_OF_PROC, sizeof LINK_OF_PROC - 1);
  return -EPERM;
}

HANDLER(cwd) {
  char at[PATH_MAX];
  long root = open_how(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, 0);
  if (root < 0) return root;
  /* links of /proc are not followed: /proc/self/fd/N/new would make a folder on the host (CVE-2024-21626) */
  unsigned mode = (unsigned)o->mode.num;
  long dir = mode ? open_or_make_dir((int)root, o->path, mode) : open_how((int)root, o->path.data, O_PATH | O_DIRECTORY, 0, IN_ROOT);
  sys_close((int)root);
  if (dir < 0) return dir == -ELOOP ? loop_or_link(r, o->path.data) : dir;
  long ret = sys_fchdir((int)dir);
  sys_close((int)dir);
  if (ret < 0) return ret;
  /* of a folder that is not below the root the kernel says "(unreachable)/…", or ENOENT */
  ret = sys_getcwd(at, sizeof at);
  if (ret < 0 || at[0] != '/') {
    run_detail(r, OUTSIDE, sizeof OUTSIDE - 1);
    sys_chdir("/");
    return -EPERM;
  }
  return 0;
}

char **string_list(union val strs) {
  static char *pool[1024];
  static uint32_t used;
  char **list = pool + used, *s = (char *)(uintptr_t)strs.data;
  if (strs.count < sizeof pool / sizeof *pool - used) {
    used += strs.count + 1;
  } else {
    list = sys_mmap((strs.count + 1) * sizeof *list, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sys_is_error(list)) return NULL;
  }
  for (uint32_t i = 0; i < strs.count; i++, s += strlen(s) + 1) list[i] = s;
  list[strs.count] = NULL;
  return list;
}

static void open_signals(void) {
  uint64_t none = 0;
  sys_sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Walks the folders of a PATH: try(name) until it returns something else than "not here". */
static long search(const char *file, const char *path, long (*try)(const char *name, void *arg), void *arg) {
  char name[PATH_MAX];
  size_t len = strlen(file);
  if (memchr(file, '/', len)) return try(file, arg);
  if (len == 0) return -ENOENT;
  for (;;) {
    size_t dir = 0;
    while (path[dir] && path[dir] != ':') dir++;
    if (dir + len + 2 <= sizeof name && (dir > 0 || path[dir] == ':')) {
      struct text t = {name, 0, sizeof name, false};
      if (dir == 0) put_char(&t, '.');
      put(&t, path, dir);
      put_char(&t, '/');
      put(&t, file, len + 1);
      long ret = try(name, arg);
      /* what is there but cannot be run is passed over, as runc's search does */
      if (ret != -ENOENT && ret != -ENOTDIR && ret != -EACCES && ret != -ELOOP && ret != -ENAMETOOLONG) return ret;
    }
    if (path[dir] == 0) return -ENOENT;
    path += dir + 1;
  }
}

static long check_program(const char *name, void *arg) {
  struct stat st;
  (void)arg;
  long ret = sys_fstatat(AT_FDCWD, name, &st, 0);
  if (ret < 0) return ret;
  if ((st.st_mode & S_IFMT) != S_IFREG) return -EACCES;
  return SYS4(faccessat2, AT_FDCWD, name, 1, AT_EACCESS);
}

HANDLER(check_exec) {
  (void)r;
  return search(o->file.data, o->path.data, check_program, NULL);
}

struct program {
  struct runner *r;
  char **argv, **env;
};

static long try_exec(const char *name, void *arg) {
  struct program *p = arg;
  if (p->r->shared) p->r->shared->exec = 1;
  return sys_execve(name, p->argv, p->env);
}

HANDLER(exec) {
  struct program p = {r, string_list(o->argv), string_list(o->env)};
  if (!p.argv || !p.env) return -ENOMEM;
  run_detail(r, p.argv[0], strlen(p.argv[0]));
  open_signals();
  return search(p.argv[0], o->path.data, try_exec, &p);
}

/* ---- hooks ---- */

/* In the fork. Standard input is the state; both outputs are kept for the error's sentence. */
__attribute__((noreturn)) static void become_hook(const struct op_hook *o, int in, int out, volatile int *error) {
  sys_dup3(in, 0, 0);
  sys_dup3(out, 1, 0);
  sys_dup3(out, 2, 0);
  sys_close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
  char **argv = string_list(o->args), **env = string_list(o->env);
  char *only[2] = {(char *)(uintptr_t)o->path.data, NULL};
  open_signals();
  *error = argv && env ? (int)sys_execve(o->path.data, o->args.count ? argv : only, env) : -ENOMEM;
  sys_exit(127);
}

static void put_end(struct text *t, const struct wait_info *w, bool timed_out) {
  put_str(t, timed_out ? "timed out" : w->code == CLD_EXITED ? "exit status " : "killed by signal ");
  if (!timed_out) put_num(t, w->status);
}

/* What it wrote, behind ": ". */
static void put_output(struct text *t, int out) {
  char data[800];
  long n = sys_pread(out, data, sizeof data, 0);
  while (n > 0 && (data[n - 1] == '\n' || data[n - 1] == 0)) n--;
  if (n <= 0) return;
  put_str(t, ": ");
  put(t, data, (size_t)n);
}

static long write_state(int fd, const struct op_hook *o, int pid) {
  char digits[16];
  struct text t = {digits, 0, sizeof digits, false};
  put_num(&t, pid);
  long ret = write_all(fd, o->head.data, o->head.len);
  if (ret >= 0) ret = write_all(fd, digits, t.len);
  if (ret >= 0) ret = write_all(fd, o->tail.data, o->tail.len);
  return ret < 0 ? ret : sys_lseek(fd, 0, SEEK_SET);
}

HANDLER(hook) {
  long in = above_stdio(sys_memfd_create("state", MFD_CLOEXEC)), out = -1, pidfd = -1, ret = in, pid;
  volatile int *error = sys_mmap(4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct wait_info w = {0};
  char detail[1000];
  struct text t = {detail, 0, sizeof detail, false};
  bool timed_out = false;
  if (ret < 0) return ret;
  if (sys_is_error((void *)(uintptr_t)error)) {
    sys_close((int)in);
    return -ENOMEM;
  }
  ret = out = above_stdio(sys_memfd_create("output", MFD_CLOEXEC));
  if (ret >= 0) ret = write_state((int)in, o, r->in_child ? (int)sys_getpid() : r->shared ? r->shared->child : 0);
  if (ret < 0) goto end;
  ret = pid = sys_fork();
  if (pid == 0) become_hook(o, (int)in, (int)out, error);
  if (pid < 0) goto end;
  if (o->timeout_ms.num > 0) {
    pidfd = sys_pidfd_open((int)pid, 0);
    struct pollfd p = {(int)pidfd, POLLIN, 0};
    timed_out = sys_poll(&p, 1, (int)o->timeout_ms.num) == 0;
    if (timed_out) sys_kill((int)pid, SIGKILL);
    if (pidfd >= 0) sys_close((int)pidfd);
  }
  do ret = sys_waitid(1, (int)pid, &w, WEXITED);
  while (ret == -EINTR);
  if (*error) {
    ret = *error;
  } else if (timed_out || w.code != CLD_EXITED || w.status != 0) {
    ret = timed_out ? -ETIMEDOUT : -ECHILD;
    put_end(&t, &w, timed_out);
    put_output(&t, (int)out);
    run_detail(r, detail, t.len);
  }
end:
  sys_munmap((void *)(uintptr_t)error, 4096);
  sys_close((int)in);
  if (out >= 0) sys_close((int)out);
  return ret;
}
