/* Standard streams and terminals. */
#include "ops.h"

#define DEV_PTMX 0x502 /* 5:2 */
#define DEVPTS_MAGIC 0x1cd1

long above_stdio(long fd) {
  if (fd < 0 || fd > 2) return fd;
  long moved = sys_fcntl((int)fd, F_DUPFD_CLOEXEC, 3);
  sys_close((int)fd);
  return moved;
}

HANDLER(pipe) {
  int fds[2];
  long ret = sys_pipe2(fds, O_CLOEXEC);
  if (ret < 0 || (ret = run_open(r, o->read, fds[0])) < 0) return ret;
  return run_open(r, o->write, fds[1]);
}

/* Refuses what is not the multiplexer of a devpts: a link or device node of the image, /dev/tty … (CVE-2025-52565). */
static long check_ptmx(struct runner *r, int fd) {
  struct stat st;
  struct statfs fs;
  long ret = sys_fstat(fd, &st);
  if (ret < 0 || (ret = sys_fstatfs(fd, &fs)) < 0) return ret;
  if ((st.st_mode & S_IFMT) == S_IFCHR && st.st_rdev == DEV_PTMX && fs.f_type == DEVPTS_MAGIC) return 0;
  static const char why[] = "it is not the ptmx of a devpts";
  run_detail(r, why, sizeof why - 1);
  return -ENODEV;
}

HANDLER(pty_open) {
  uint64_t resolve = RESOLVE_NO_SYMLINKS | (o->dir.num == SLOT_ABSENT ? 0 : RESOLVE_BENEATH | RESOLVE_NO_XDEV);
  int dir = run_fd(r, o->dir), unlock = 0;
  /* looked at before it is opened: opening a device can do things */
  long at = open_how(dir, o->path.data, O_PATH, 0, resolve);
  if (at < 0) return at;
  long ret = check_ptmx(r, (int)at);
  sys_close((int)at);
  if (ret < 0) return ret;
  long master = open_how(dir, o->path.data, O_RDWR | O_NOCTTY, 0, resolve), slave = -1;
  if (master < 0) return master;
  if ((ret = check_ptmx(r, (int)master)) < 0) goto failed;
  if ((ret = sys_ioctl((int)master, TIOCSPTLCK, &unlock)) < 0) goto failed;
  slave = ret = sys_ioctl((int)master, TIOCGPTPEER, (void *)(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (ret < 0) goto failed;
  struct window_size size = {(uint16_t)o->rows.num, (uint16_t)o->cols.num, 0, 0};
  if ((size.rows || size.cols) && (ret = sys_ioctl((int)master, TIOCSWINSZ, &size)) < 0) goto failed;
  if (o->uid.num >= 0 && (ret = sys_fchownat((int)slave, "", (uint32_t)o->uid.num, (uint32_t)-1, AT_EMPTY_PATH)) < 0)
    goto failed;
  if ((ret = run_open(r, o->master, master)) >= 0) return run_open(r, o->slave, slave);
  sys_close((int)slave);
  return ret;
failed:
  sys_close((int)master);
  if (slave >= 0) sys_close((int)slave);
  return ret;
}

HANDLER(set_ctty) { return sys_ioctl(run_fd(r, o->slot), TIOCSCTTY, (void *)0); }

HANDLER(stdio) {
  const union val *slots[3] = {&o->stdin, &o->stdout, &o->stderr};
  for (int i = 0; i < 3; i++) {
    long ret = sys_dup3(run_fd(r, *slots[i]), i, 0);
    if (ret < 0) return ret;
  }
  return 0;
}

HANDLER(close_fds) {
  (void)r;
  return sys_close_range((unsigned)o->from.num, ~0u, CLOSE_RANGE_CLOEXEC);
}
