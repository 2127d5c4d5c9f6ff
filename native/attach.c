#include "attach.h"

#ifndef O_TMPFILE
#define O_TMPFILE (020000000 | O_DIRECTORY)
#endif

void clients_init(struct clients *c, const char *spill_dir, bool tty) {
  c->spill_dir = spill_dir;
  c->tty = tty;
}

long clients_accept(struct clients *c, int listener) {
  long fd = sys_accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return fd == -EAGAIN || fd == -EINTR || fd == -ECONNABORTED ? 0 : fd;
  for (int i = 0; i < MAX_CLIENTS; i++) {
    struct client *n = &c->all[i];
    /* a place that was never taken is not looked at: its pages cost nothing */
    if (i < c->used && n->fd >= 0) continue;
    n->fd = (int)fd;
    n->spill = -1;
    n->attached = n->wants_in = n->in_ended = n->wants[0] = n->wants[1] = n->waits = n->broken = n->gone = false;
    n->taken = n->given = n->punched = 0;
    n->request_len = 0;
    if (i >= c->used) c->used = i + 1;
    return 0;
  }
  static const char text[] = "error too many clients\n";
  sys_send((int)fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  sys_close((int)fd);
  return 0;
}

void client_close(struct client *c) {
  sys_close(c->fd);
  if (c->spill >= 0) sys_close(c->spill);
  c->fd = c->spill = -1;
}

/* What cannot be sent now goes to a file: a slow client costs disk, never memory, and nobody waits for it. */
static void spill(struct clients *all, struct client *c, const char *data, size_t len) {
  if (c->spill < 0) {
    long fd = all->spill_dir[0] ? sys_openat(AT_FDCWD, all->spill_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -ENOENT;
    if (fd < 0) fd = sys_memfd_create("kobako-spill", MFD_CLOEXEC);
    c->spill = (int)fd;
  }
  if (c->given - c->taken > SPILL_MAX) {
    c->broken = true;
    return;
  }
  while (len && c->spill >= 0) {
    long n = sys_pwrite(c->spill, data, len, c->given);
    if (n == -EINTR) continue;
    if (n <= 0) break;
    c->given += n;
    data += n;
    len -= (size_t)n;
  }
  /* half a frame would be taken for another: a client that cannot be served whole is let go */
  if (len) c->broken = true;
}

void client_send(struct clients *all, struct client *c, const char *head, size_t head_len, const char *data, size_t len) {
  if (c->broken) return;
  if (!client_pending(c)) {
    struct iovec parts[2] = {{(void *)(uintptr_t)head, head_len}, {(void *)(uintptr_t)data, len}};
    struct socket_message m = {0};
    m.parts = parts;
    m.part_count = 2;
    long n;
    do n = sys_sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n == -EINTR);
    if (n < 0 && n != -EAGAIN) {
      c->broken = true;
      return;
    }
    size_t sent = n < 0 ? 0 : (size_t)n;
    size_t of_head = sent < head_len ? sent : head_len;
    head += of_head;
    head_len -= of_head;
    data += sent - of_head;
    len -= sent - of_head;
  }
  if (head_len) spill(all, c, head, head_len);
  if (len) spill(all, c, data, len);
}

void client_text(struct clients *all, struct client *c, const char *text) { client_send(all, c, "", 0, text, strlen(text)); }

/* Through a copy: a socket that sendfile(2) fed refers to the file's own pages until its reader has them, and to punch a
 * hole writes zeros into those. */
void client_continue(struct client *c) {
  static char copy[64u << 10];
  while (client_pending(c)) {
    size_t left = (size_t)(c->given - c->taken);
    long n = sys_pread(c->spill, copy, left < sizeof copy ? left : sizeof copy, c->taken);
    if (n > 0) n = sys_send(c->fd, copy, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n == -EAGAIN) return;
    if (n == -EINTR) continue;
    if (n <= 0) {
      c->broken = true;
      return;
    }
    c->taken += n;
    if (c->taken - c->punched >= SPILL_PUNCH) {
      sys_punch_hole(c->spill, c->punched, c->taken - c->punched);
      c->punched = c->taken;
    }
  }
  if (c->given) {
    sys_ftruncate(c->spill, 0);
    c->taken = c->given = c->punched = 0;
  }
}

void clients_output(struct clients *all, int stream, const char *data, size_t len) {
  char head[8] = {(char)(stream + 1), 0, 0, 0, (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};
  for (int i = 0; i < all->used; i++) {
    struct client *c = &all->all[i];
    if (c->fd < 0 || !c->attached || !c->wants[stream]) continue;
    client_send(all, c, head, all->tty ? 0 : 8, data, len);
  }
}

bool clients_behind(const struct clients *c) {
  for (int i = 0; i < c->used; i++)
    if (c->all[i].fd >= 0 && c->all[i].given - c->all[i].taken > MANY_PENDING) return true;
  return false;
}
