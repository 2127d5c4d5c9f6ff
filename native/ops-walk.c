/*
 * Making a folder or file inside a root file system that somebody else controls. Each step is opened by openat2 with
 * RESOLVE_IN_ROOT from the root itself, so that a link leads where it would lead inside, and what is missing is made
 * by its plain name in the folder opened before: no path is ever resolved outside of the root.
 */
#include "ops.h"

#define MOST_LINKS 40

struct walk {
  int root;
  unsigned mode;
  int links;
  char path[2 * PATH_MAX]; /* what is being walked; a dangling link is put in its place here */
  size_t len;
};

static long open_prefix(struct walk *w, size_t end, uint64_t flags) {
  char saved = w->path[end];
  w->path[end] = 0;
  long fd = open_how(w->root, end ? w->path : "/", O_PATH | flags, 0, IN_ROOT);
  w->path[end] = saved;
  return fd;
}

/* path[start, end) is a link to a name that is not there: its target takes its place. */
static long put_target(struct walk *w, int parent, const char *name, size_t start, size_t end) {
  char target[PATH_MAX];
  char rest[2 * PATH_MAX];
  long n = sys_readlinkat(parent, name, target, sizeof target);
  if (n == -EINVAL) return -EAGAIN; /* no link (any more): it was made at this moment; look again */
  if (n < 0) return n;
  if (++w->links > MOST_LINKS) return -ELOOP;
  size_t keep = n > 0 && target[0] == '/' ? 0 : start, left = w->len - end;
  if (keep + (size_t)n + left >= sizeof w->path) return -ENAMETOOLONG;
  memcpy(rest, w->path + end, left);
  memcpy(w->path + keep, target, (size_t)n);
  memcpy(w->path + keep + n, rest, left);
  w->len = keep + (size_t)n + left;
  w->path[w->len] = 0;
  return 0;
}

/*
 * The folder that path[0, end) names, opened O_PATH; makes what is missing. May change the path (and *end with it).
 * `missing`: it was not there just now.
 */
static long make_dirs(struct walk *w, size_t *end, bool missing) {
  int races = 0;
again:;
  /* mostly all but the last name is there; else from the root, name by name */
  size_t tail = w->len - *end, at = *end;
  while (at > 0 && w->path[at - 1] != '/') at--;
  long parent = open_prefix(w, at, O_DIRECTORY);
  if (parent == -ENOENT) {
    missing = false;
    at = 0;
    parent = open_prefix(w, 0, O_DIRECTORY);
  }
  while (parent >= 0) {
    while (at < *end && w->path[at] == '/') at++;
    if (at >= *end) return parent;
    size_t start = at;
    while (at < *end && w->path[at] != '/') at++;
    long next = missing ? -ENOENT : open_prefix(w, at, O_DIRECTORY);
    missing = false;
    if (next == -ENOENT) {
      char name[256];
      if (at - start >= sizeof name) next = -ENAMETOOLONG;
      else {
        memcpy(name, w->path + start, at - start);
        name[at - start] = 0;
        next = sys_mkdirat((int)parent, name, w->mode);
        if (next == 0 || next == -EEXIST) next = open_prefix(w, at, O_DIRECTORY);
        if (next == -ENOENT) { /* it is a link to nowhere */
          next = put_target(w, (int)parent, name, start, at);
          sys_close((int)parent);
          if (next == -EAGAIN && ++races < 128) next = 0;
          if (next < 0) return next;
          *end = w->len - tail;
          goto again;
        }
      }
    }
    sys_close((int)parent);
    parent = next;
  }
  return parent;
}

static long begin(struct walk *w, int root, union val path, unsigned mode) {
  if (path.len >= PATH_MAX) return -ENAMETOOLONG;
  w->root = root;
  w->mode = mode;
  w->links = 0;
  w->len = path.len;
  memcpy(w->path, path.data, path.len + 1);
  while (w->len > 0 && w->path[w->len - 1] == '/') w->path[--w->len] = 0;
  return 0;
}

long open_or_make_dir(int root, union val path, unsigned mode) {
  static struct walk w;
  long ret = begin(&w, root, path, mode);
  if (ret < 0) return ret;
  ret = open_prefix(&w, w.len, O_DIRECTORY);
  size_t end = w.len;
  return ret == -ENOENT ? make_dirs(&w, &end, true) : ret;
}

HANDLER(ensure_dir) { return run_open(r, o->into, open_or_make_dir(run_fd(r, o->root), o->path, (unsigned)o->mode.num)); }

/* Of folders that are made for a file: who may read the file has to get there. */
#define PARENT_MODE 0755

HANDLER(ensure_file) {
  static struct walk w;
  long ret = begin(&w, run_fd(r, o->root), o->path, PARENT_MODE);
  if (ret < 0) return ret;
  for (int tries = 0;; tries++) {
    ret = open_prefix(&w, w.len, 0);
    if (ret != -ENOENT || tries == 128) return run_open(r, o->into, ret);
    size_t end = w.len, tail;
    while (end > 0 && w.path[end - 1] != '/') end--;
    tail = w.len - end;
    long parent = make_dirs(&w, &end, false);
    if (parent < 0) return parent;
    const char *name = w.path + w.len - tail;
    ret = sys_openat((int)parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, (unsigned)o->mode.num);
    if (ret >= 0) sys_close((int)ret);
    if (ret == -EEXIST) { /* made by another at this moment, or a link to nowhere */
      ret = put_target(&w, (int)parent, name, w.len - tail, w.len);
      if (ret == -EAGAIN) ret = 0;
      while (w.len > 0 && w.path[w.len - 1] == '/') w.path[--w.len] = 0;
    }
    sys_close((int)parent);
    if (ret < 0) return ret;
  }
}
