/* Files and folders. */
#include "ops.h"

long open_how(int dir, const char *path, uint64_t flags, unsigned mode, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
  long fd;
  int tries = 0;
  do fd = sys_openat2(dir, path, &how);
  while (fd == -EINTR || (fd == -EAGAIN && resolve && ++tries < 128));
  return fd;
}

long write_file(int dir, const char *path, uint64_t resolve, const char *data, size_t len) {
  long fd = open_how(dir, path, O_WRONLY | O_NOCTTY, 0, resolve);
  if (fd < 0) return fd;
  long n = sys_write((int)fd, data, len);
  sys_close((int)fd);
  if (n < 0) return n;
  return (size_t)n == len ? 0 : -EIO;
}

HANDLER(open) {
  long fd = open_how(run_fd(r, o->dir), o->path.data, (uint64_t)o->flags.num, (unsigned)o->mode.num, (uint64_t)o->resolve.num);
  return run_open(r, o->into, fd);
}

HANDLER(close) {
  int *slot = &r->slots[o->slot.num];
  if (*slot < 0) return -EBADF;
  long ret = sys_close(*slot);
  *slot = -1;
  return ret;
}

HANDLER(write) { return write_all(run_fd(r, o->slot), o->data.data, o->data.len); }

HANDLER(write_file) {
  return write_file(run_fd(r, o->dir), o->path.data, (uint64_t)o->resolve.num, o->data.data, o->data.len);
}

HANDLER(mkdir) { return sys_mkdirat(run_fd(r, o->dir), o->path.data, (unsigned)o->mode.num); }

#define DT_DIR 4

/* A cgroup with cgroups below is EBUSY, where any other folder would be ENOTEMPTY: removes the empty ones below. */
static void remove_below(int dir, const char *path, int depth) {
  struct entry {
    uint64_t inode, offset;
    unsigned short len;
    unsigned char type;
    char name[];
  };
  _Alignas(struct entry) char data[1024];
  long fd = open_how(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0), n;
  if (fd < 0) return;
  while ((n = sys_getdents64((int)fd, data, sizeof data)) > 0) {
    for (long at = 0; at < n; at += ((struct entry *)(data + at))->len) {
      const struct entry *e = (const struct entry *)(data + at);
      if (e->type != DT_DIR || !strcmp(e->name, ".") || !strcmp(e->name, "..")) continue;
      if (sys_unlinkat((int)fd, e->name, AT_REMOVEDIR) != -EBUSY || depth <= 0) continue;
      remove_below((int)fd, e->name, depth - 1);
      sys_unlinkat((int)fd, e->name, AT_REMOVEDIR);
    }
  }
  sys_close((int)fd);
}

HANDLER(rmdir) {
  uint64_t end = 0;
  for (;;) {
    long ret = sys_unlinkat(run_fd(r, o->dir), o->path.data, AT_REMOVEDIR);
    if (ret != -EBUSY) return ret;
    remove_below(run_fd(r, o->dir), o->path.data, 16);
    uint64_t now = sys_now(CLOCK_MONOTONIC);
    if (!end) end = now + (uint64_t)o->retry_ms.num * 1000000;
    if (now >= end) return ret;
    sys_sleep_us(1000);
  }
}

HANDLER(unlink) { return sys_unlinkat(run_fd(r, o->dir), o->path.data, 0); }

HANDLER(symlink) {
  long ret = sys_symlinkat(o->target.data, run_fd(r, o->dir), o->path.data);
  if (ret < 0) run_detail(r, o->path.data, o->path.len);
  return ret;
}

HANDLER(mknod) { return sys_mknodat(run_fd(r, o->dir), o->path.data, (unsigned)o->mode.num, (uint64_t)o->dev.num); }

HANDLER(chown) {
  int flags = AT_SYMLINK_NOFOLLOW | (o->path.len ? 0 : AT_EMPTY_PATH);
  return sys_fchownat(run_fd(r, o->dir), o->path.data, (uint32_t)o->uid.num, (uint32_t)o->gid.num, flags);
}

HANDLER(change_dir) { return sys_fchdir(run_fd(r, o->dir)); }

HANDLER(umask) {
  (void)r;
  return sys_umask((unsigned)o->mask.num);
}

HANDLER(report) {
  struct reports *all = r->reports;
  if (!all || all->count == PLAN_MAX_REPORTS) return -ENOSPC;
  long fd = open_how(run_fd(r, o->dir), o->path.data, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, 0);
  if (fd < 0) return fd;
  if (!all->data) {
    char *data = sys_mmap(PLAN_MAX_REPORTS * REPORT_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!sys_is_error(data)) all->data = data;
  }
  uint32_t at = (uint32_t)all->count * REPORT_MAX, len = 0;
  long n = all->data ? 1 : -ENOMEM;
  while (n > 0 && len < REPORT_MAX) {
    n = sys_read((int)fd, all->data + at + len, REPORT_MAX - len);
    if (n > 0) len += (uint32_t)n;
  }
  sys_close((int)fd);
  if (n < 0) return n;
  all->items[all->count].name = o->name.data;
  all->items[all->count].at = at;
  all->items[all->count++].len = len;
  return 0;
}
