/* What the op handlers share. A handler returns 0 or more, or a negative errno; it may call run_detail before. */
#ifndef KOBAKO_OPS_H
#define KOBAKO_OPS_H

#include "run.h"

/* run_open_tree(r, o) for open-tree, and so on. */
#define DECLARE(CODE, name) \
  struct op_##name; \
  long run_op_##name(struct runner *r, const struct op_##name *o);
OPS_EACH(DECLARE)
#undef DECLARE
#define HANDLER(name) long run_op_##name(struct runner *r, const struct op_##name *o)
#define UNUSED __attribute__((unused))

/* openat2 with O_CLOEXEC; again while the kernel says EAGAIN because names moved during the walk. */
long open_how(int dir, const char *path, uint64_t flags, unsigned mode, uint64_t resolve);

/* What every walk inside a root file system uses. */
#define IN_ROOT (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)

/* The folder of a path in a root, O_PATH, made where it is missing; links stay inside, those of /proc are not followed. */
long open_or_make_dir(int root, union val path, unsigned mode);

/* Move an fd that landed on 0, 1 or 2 (started with one of them closed) out of the way. Errors pass through. */
long above_stdio(long fd);

/* The list of pointers for a strs field, ended by NULL. From a small pool that is never freed, else mapped; NULL when
   there is no memory. One process needs it once or twice: for its exec, or in the fork that runs a hook. */
char **string_list(union val strs);

/* Write the whole of a file that is there, in one write, as /proc and cgroup files want it. */
long write_file(int dir, const char *path, uint64_t resolve, const char *data, size_t len);

#endif
