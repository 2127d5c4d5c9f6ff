/* Mounts, by fd. */
#include "ops.h"

#define DEV_NULL 0x103 /* 1:3 as stat tells it */

/* The reason that the file system gave, as "e overlay: …": one message a read. */
static long explain(struct runner *r, int fs, long error) {
  char text[512];
  if (error >= 0) return error;
  long n = sys_read(fs, text, sizeof text);
  if (n > 0) {
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == 0)) n--;
    size_t skip = n > 2 && text[1] == ' ' ? 2 : 0;
    run_detail(r, text + skip, (size_t)n - skip);
  }
  return error;
}

HANDLER(fsopen) { return run_open(r, o->into, sys_fsopen(o->type.data, FSOPEN_CLOEXEC)); }

HANDLER(fs_set) {
  int fs = run_fd(r, o->fs);
  return explain(r, fs, sys_fsconfig(fs, FSCONFIG_SET_STRING, o->key.data, o->value.data, 0));
}

HANDLER(fs_flag) {
  int fs = run_fd(r, o->fs);
  return explain(r, fs, sys_fsconfig(fs, FSCONFIG_SET_FLAG, o->key.data, NULL, 0));
}

HANDLER(fs_create) {
  int fs = run_fd(r, o->fs);
  return explain(r, fs, sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
}

HANDLER(fsmount) {
  int fs = run_fd(r, o->fs);
  return run_open(r, o->into, explain(r, fs, sys_fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)o->attrs.num)));
}

HANDLER(open_tree) {
  unsigned flags = (unsigned)o->flags.num | OPEN_TREE_CLOEXEC | (o->path.len ? 0 : AT_EMPTY_PATH);
  return run_open(r, o->into, sys_open_tree(run_fd(r, o->dir), o->path.data, flags));
}

HANDLER(move_mount) {
  unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (o->path.len ? 0 : MOVE_MOUNT_T_EMPTY_PATH);
  return sys_move_mount(run_fd(r, o->from), "", run_fd(r, o->dir), o->path.data, flags);
}

static long set_attr(int mount, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive, int userns) {
  struct mount_attr attr = {set, clear, propagation, userns < 0 ? 0 : (uint64_t)userns};
  return sys_mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr);
}

HANDLER(mount_setattr) {
  uint64_t set = (uint64_t)o->set.num, clear = (uint64_t)o->clear.num, propagation = (uint64_t)o->propagation.num;
  return set_attr(run_fd(r, o->slot), set, clear, propagation, o->recursive.num, run_fd_or_none(r, o->userns));
}

HANDLER(propagation) {
  (void)r;
  return sys_mount(NULL, o->path.data, NULL, (unsigned long)o->flags.num, NULL);
}

HANDLER(mount) {
  long was = open_how(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0, 0);
  if (was < 0) return was;
  long ret = sys_fchdir(run_fd(r, o->dir));
  if (ret == 0) {
    ret = sys_mount(o->source.data, o->path.data, o->type.data, (unsigned long)o->flags.num, o->data.data);
    long back = sys_fchdir((int)was);
    if (ret == 0) ret = back;
  }
  sys_close((int)was);
  return ret;
}

HANDLER(umount) {
  (void)r;
  return sys_umount2(o->path.data, (int)o->flags.num);
}

HANDLER(pivot_root) {
  long ret = sys_fchdir(run_fd(r, o->root));
  if (ret < 0) return ret;
  /* the new root lands over the old one; what "." names is then the old one, on top (pivot_root(2), "." twice) */
  if ((ret = sys_pivot_root(".", ".")) < 0 || (ret = sys_umount2(".", UMOUNT_DETACH)) < 0) return ret;
  return sys_chdir("/");
}

HANDLER(chroot) {
  long ret = sys_fchdir(run_fd(r, o->root));
  if (ret < 0 || (ret = sys_chroot(".")) < 0) return ret;
  return sys_chdir("/");
}

/* An empty tmpfs that nobody can write to. */
static long empty_dir(void) {
  long fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC);
  if (fs < 0) return fs;
  long ret = sys_fsconfig((int)fs, FSCONFIG_SET_STRING, "source", "tmpfs", 0);
  if (ret >= 0) ret = sys_fsconfig((int)fs, FSCONFIG_SET_STRING, "mode", "755", 0);
  if (ret >= 0) ret = sys_fsconfig((int)fs, FSCONFIG_SET_STRING, "nr_inodes", "1", 0);
  if (ret >= 0) ret = sys_fsconfig((int)fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
  unsigned attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if (ret >= 0) ret = sys_fsmount((int)fs, FSMOUNT_CLOEXEC, attrs);
  sys_close((int)fs);
  return ret;
}

/* A copy of the null device's mount. It is checked: an image can put a link at /dev/null (CVE-2025-31133). */
static long null_copy(struct runner *r, int file) {
  struct stat st;
  long ret = sys_fstat(file, &st);
  if (ret < 0) return ret;
  if ((st.st_mode & S_IFMT) != S_IFCHR || st.st_rdev != DEV_NULL) {
    static const char why[] = "what is to hide it is not the null device";
    run_detail(r, why, sizeof why - 1);
    return -ENODEV;
  }
  return sys_open_tree(file, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
}

/* Attaches a detached mount on an fd, and closes both. */
static long cover(long mount, long target) {
  long ret = mount;
  if (mount >= 0) {
    ret = sys_move_mount((int)mount, "", (int)target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    sys_close((int)mount);
  }
  sys_close((int)target);
  return ret;
}

static bool is_absent(long error) { return error == -ENOENT || error == -ENOTDIR; }

HANDLER(mask_path) {
  struct stat st;
  long target = open_how(run_fd(r, o->root), o->path.data, O_PATH, 0, IN_ROOT);
  if (target < 0) return is_absent(target) ? 0 : target;
  long mount = sys_fstat((int)target, &st);
  if (mount >= 0) mount = (st.st_mode & S_IFMT) == S_IFDIR ? empty_dir() : null_copy(r, run_fd(r, o->file));
  return cover(mount, target);
}

HANDLER(readonly_path) {
  long target = open_how(run_fd(r, o->root), o->path.data, O_PATH, 0, IN_ROOT);
  if (target < 0) return is_absent(target) ? 0 : target;
  long mount = sys_open_tree((int)target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
  if (mount >= 0) {
    long ret = set_attr((int)mount, MOUNT_ATTR_RDONLY, 0, 0, true, -1);
    if (ret < 0) {
      sys_close((int)mount);
      mount = ret;
    }
  }
  return cover(mount, target);
}
