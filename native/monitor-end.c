/* After the container's end: its record, and what clients have not taken yet. */
#include "monitor-state.h"

#define FLUSH_MS 5000 /* for clients to take the rest */

static void write_exit_file(const char *path, const struct text *record) {
  char temporary[PATH_MAX];
  struct text t = {temporary, 0, sizeof temporary - 1, false};
  put_str(&t, path);
  put_str(&t, ".new");
  temporary[t.len] = 0;
  long fd = sys_openat(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (write_all((int)fd, record->data, record->len) == 0) sys_renameat(AT_FDCWD, temporary, AT_FDCWD, path);
  sys_close((int)fd);
}

/*
 * Until everybody has all. An attached client is waited for as long as it is there: output that the container wrote is
 * not lost because somebody reads it slowly. Others have FLUSH_MS.
 */
static void flush_clients(struct monitor *m) {
  uint64_t end = sys_now(CLOCK_MONOTONIC) + FLUSH_MS * 1000000ull;
  static struct pollfd polled[MAX_CLIENTS];
  for (;;) {
    bool late = sys_now(CLOCK_MONOTONIC) >= end;
    unsigned count = 0;
    for (int i = 0; i < m->clients.used; i++) {
      struct client *c = &m->clients.all[i];
      if (c->fd < 0) continue;
      if (!c->broken) client_continue(c);
      if (c->broken || !client_pending(c) || (late && !c->attached)) client_close(c);
      else polled[count++] = (struct pollfd){c->fd, POLLOUT, 0};
    }
    if (!count) return;
    sys_poll(polled, count, late ? -1 : FLUSH_MS);
  }
}

static struct monitor *ending;
static struct reports reports;

static void tell(struct runner *r) {
  struct monitor *m = ending;
  struct text record = runner_exit_record(r, &m->exit, &reports);
  bool told = m->flags & MONITOR_RECORD_UNTOLD && runner_send(r, record.data, record.len);
  if (m->o->exit_path.len && !told) write_exit_file(m->o->exit_path.data, &record);
  if (!(m->flags & MONITOR_RECORD_UNTOLD)) runner_send(r, record.data, record.len);
  for (int i = 0; i < m->clients.used; i++)
    if (m->clients.all[i].fd >= 0 && m->clients.all[i].waits) client_send(&m->clients, &m->clients.all[i], "ok ", 3, record.data, record.len);
}

int monitor_finish(struct monitor *m) {
  uint64_t now = sys_now(CLOCK_REALTIME);
  for (int i = 0; i < 2; i++) log_end(&m->log, i, now);
  ending = m;
  m->r->tell = tell;
  bool clean = runner_cleanup(m->r, &reports);
  if (!m->r->tell) runner_event(m->r, clean ? "clean" : "left");
  runner_tell(m->r);
  /* to give up mounts takes a millisecond or two: nobody waits for it but who needs them gone */
  if (m->r->mounts >= 0) sys_close(m->r->mounts);
  flush_clients(m);
  return m->exit.status;
}
