/* The container's standard input: one piece at a time, from whichever client is next. */
#include "monitor-state.h"

_Alignas(4096) static char pending[INPUT_MAX];

void input_close(struct monitor *m) {
  if (m->in < 0) return;
  if (m->pending_len) m->close_in = true; /* when that is written */
  else if (m->in != m->pty) {
    sys_close(m->in);
    m->in = -1;
  }
}

void input_continue(struct monitor *m) {
  while (m->in >= 0 && m->pending_len) {
    long n = sys_write(m->in, pending + m->pending_at, m->pending_len);
    if (n == -EINTR) continue;
    if (n == -EAGAIN) return;
    if (n < 0) { /* nobody reads it any more */
      m->pending_len = 0;
      if (m->in != m->pty) {
        sys_close(m->in);
        m->in = -1;
      }
      return;
    }
    m->pending_at += (uint32_t)n;
    m->pending_len -= (uint32_t)n;
  }
  if (m->close_in) {
    m->close_in = false;
    input_close(m);
  }
}

void input_take(struct monitor *m, const char *data, size_t len) {
  if (m->in < 0) return;
  if (m->pending_len == 0) m->pending_at = 0;
  if (len > MUCH) m->much = true;
  memcpy(pending + m->pending_at + m->pending_len, data, len);
  m->pending_len += (uint32_t)len;
  input_continue(m);
}

void input_idle(const struct monitor *m) {
  if (!m->pending_len) sys_madvise_dontneed(pending, sizeof pending);
}
