/*
 * Copying what an image has in a folder into the new mount that will cover it. The image may be hostile and may even
 * change meanwhile: every name is opened by its folder's fd without following links, and only what was opened counts.
 */
#include "ops.h"

#define DEEPEST 128

struct entry { /* of getdents64(2) */
  uint64_t inode;
  int64_t next;
  uint16_t size;
  uint8_t type;
  char name[];
};

static long set_owner_and_mode(int fd, const struct stat *st) {
  /* in this order: a change of owner takes the setuid bit away */
  long ret = sys_fchownat(fd, "", st->st_uid, st->st_gid, AT_EMPTY_PATH);
  return ret < 0 ? ret : sys_fchmod(fd, st->st_mode & 07777);
}

static long copy_file(int from, int to, const char *name) {
  struct stat st;
  long in = sys_openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
  if (in < 0) return in;
  long ret = sys_fstat((int)in, &st);
  if (ret >= 0 && (st.st_mode & S_IFMT) != S_IFREG) ret = -EAGAIN;
  long out = ret < 0 ? ret : sys_openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  ret = out;
  if (out >= 0) {
    do ret = sys_sendfile((int)out, (int)in, NULL, 1 << 20);
    while (ret > 0 || ret == -EINTR);
    if (ret >= 0) ret = set_owner_and_mode((int)out, &st);
    sys_close((int)out);
  }
  sys_close((int)in);
  return ret;
}

static long copy_link(int from, int to, const char *name, const struct stat *st) {
  char target[PATH_MAX];
  long n = sys_readlinkat(from, name, target, sizeof target - 1);
  if (n < 0) return n;
  target[n] = 0;
  long ret = sys_symlinkat(target, to, name);
  return ret < 0 ? ret : sys_fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);
}

static long copy_node(int from, int to, const char *name, const struct stat *st) {
  (void)from;
  long ret = sys_mknodat(to, name, st->st_mode, st->st_rdev);
  return ret < 0 ? ret : sys_fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);
}

static long copy_contents(int from, int to, int depth);

static long copy_folder(int from, int to, const char *name, const struct stat *st, int depth) {
  if (depth == DEEPEST) return -ELOOP;
  long ret = sys_mkdirat(to, name, 0700);
  if (ret < 0) return ret;
  long in = sys_openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (in < 0) return in;
  long out = ret = sys_openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (out >= 0) {
    ret = copy_contents((int)in, (int)out, depth + 1);
    if (ret >= 0) ret = set_owner_and_mode((int)out, st);
    sys_close((int)out);
  }
  sys_close((int)in);
  return ret;
}

static long copy_entry(int from, int to, const char *name, int depth) {
  struct stat st;
  long ret = sys_fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW);
  if (ret < 0) return ret;
  switch (st.st_mode & S_IFMT) {
    case S_IFDIR: return copy_folder(from, to, name, &st, depth);
    case S_IFLNK: return copy_link(from, to, name, &st);
    case S_IFREG: return copy_file(from, to, name);
    default: return copy_node(from, to, name, &st);
  }
}

static long copy_contents(int from, int to, int depth) {
  _Alignas(8) char data[2048];
  long n;
  while ((n = SYS3(getdents64, from, data, sizeof data)) > 0) {
    for (long at = 0; at < n;) {
      const struct entry *entry = (const void *)(data + at);
      at += entry->size;
      if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) continue;
      long ret = copy_entry(from, to, entry->name, depth);
      if (ret < 0) return ret;
    }
  }
  return n;
}

HANDLER(copy_up) {
  struct stat st;
  long from = open_how(run_fd(r, o->root), o->path.data, O_RDONLY | O_DIRECTORY, 0, IN_ROOT);
  if (from < 0) return from == -ENOENT || from == -ENOTDIR ? 0 : from;
  long ret = sys_fstat((int)from, &st), to = ret;
  if (ret >= 0) to = ret = sys_openat(run_fd(r, o->to), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (to >= 0) {
    if (o->contents.num) ret = copy_contents((int)from, (int)to, 0);
    if (ret >= 0) ret = sys_fchmod((int)to, st.st_mode & 07777);
    sys_close((int)to);
  }
  sys_close((int)from);
  return ret;
}
