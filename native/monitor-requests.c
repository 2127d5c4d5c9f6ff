/* What the monitor is asked for: lines of the channel and of its clients, which then may attach. */
#include "monitor-state.h"

static bool word(const char **at, const char *name) {
  size_t len = strlen(name);
  if (memcmp(*at, name, len) != 0 || ((*at)[len] != 0 && (*at)[len] != ' ')) return false;
  *at += len;
  if (**at == ' ') ++*at;
  return true;
}

static bool number(const char **at, int64_t *value) {
  size_t used = 0;
  *value = parse_num(*at, strlen(*at), &used);
  *at += used;
  if (**at == ' ') ++*at;
  return used > 0 && *value >= 0;
}

const char *monitor_command(struct monitor *m, const char *text) {
  int64_t a, b;
  if (word(&text, "start")) {
    if (m->started) return "it has started already";
    m->start_asked = true;
    monitor_give_start(m);
    return NULL;
  }
  if (word(&text, "kill")) {
    if (!number(&text, &a) || a > SIGNAL_MAX) return "kill wants the number of a signal";
    if (m->ended || sys_pidfd_send_signal(m->r->pidfd, (int)a) < 0) return "the process has ended";
    return NULL;
  }
  if (word(&text, "resize")) {
    if (!number(&text, &a) || !number(&text, &b) || a > 65535 || b > 65535) return "resize wants ROWS COLS";
    struct window_size size = {(uint16_t)a, (uint16_t)b, 0, 0};
    if (m->pty < 0) return "it has no terminal";
    return sys_ioctl(m->pty, TIOCSWINSZ, &size) < 0 ? "the terminal is gone" : NULL;
  }
  if (word(&text, "close-stdin")) {
    input_close(m);
    return NULL;
  }
  return "unknown command";
}

static void answer(struct monitor *m, struct client *c, const char *error) {
  char data[128];
  struct text t = {data, 0, sizeof data - 1, false};
  put_str(&t, error ? "error " : "ok");
  if (error) put_str(&t, error);
  put_char(&t, '\n');
  data[t.len] = 0;
  client_text(&m->clients, c, data);
}

static void answer_status(struct monitor *m, struct client *c) {
  char data[96];
  struct text t = {data, 0, sizeof data - 1, false};
  put_str(&t, "ok {\"pid\":");
  put_num(&t, m->r->pid);
  put_str(&t, ",\"state\":\"");
  put_str(&t, m->ended ? "exited" : m->started ? "running" : "created");
  put_str(&t, "\"}\n");
  data[t.len] = 0;
  client_text(&m->clients, c, data);
}

static bool flag(const char **at, const char *name, bool *value) {
  size_t len = strlen(name);
  if (memcmp(*at, name, len) != 0 || ((*at)[len] != '0' && (*at)[len] != '1')) return false;
  *value = (*at)[len] == '1';
  *at += len + 1;
  if (**at == ' ') ++*at;
  return true;
}

static void request(struct monitor *m, struct client *c, const char *text) {
  if (word(&text, "attach")) {
    bool start = false;
    while (*text)
      if (!flag(&text, "stdin=", &c->wants_in) && !flag(&text, "stdout=", &c->wants[0]) && !flag(&text, "stderr=", &c->wants[1]) && !flag(&text, "start=", &start))
        return answer(m, c, "attach takes stdin, stdout, stderr and start, each =0 or =1");
    /* who says start needs no word that it may be said */
    if (!start) answer(m, c, NULL);
    c->attached = m->clients.ever = true;
    if (start) monitor_command(m, "start");
  } else if (word(&text, "wait")) c->waits = true;
  else if (word(&text, "status")) answer_status(m, c);
  else answer(m, c, monitor_command(m, text));
}

/* The client sends no more: its part of the input has ended. */
static void end_of_client_input(struct monitor *m, struct client *c) {
  if (c->in_ended) return;
  c->in_ended = true;
  if (c->attached && c->wants_in && (m->flags & MONITOR_STDIN_ONCE)) input_close(m);
}

void client_drop(struct monitor *m, struct client *c) {
  end_of_client_input(m, c);
  client_close(c);
}

/* What a client has sent: its request lines, and once it has attached, input. At most INPUT_MAX of it at a time. */
static void client_readable(struct monitor *m, struct client *c) {
  if (c->attached) {
    if (c->wants_in && m->pending_len) return; /* another client's input is still on its way */
    long n = sys_recv(c->fd, monitor_buffer, INPUT_MAX, MSG_DONTWAIT);
    if (n == -EAGAIN || n == -EINTR) return;
    if (n < 0) return client_drop(m, c);
    if (n == 0) return end_of_client_input(m, c);
    if (c->wants_in) input_take(m, monitor_buffer, (size_t)n);
    return;
  }
  /* what follows the line is left in the socket: it may be input */
  char *at = c->request + c->request_len;
  long n = sys_recv(c->fd, at, REQUEST_MAX - 1 - c->request_len, MSG_PEEK | MSG_DONTWAIT);
  if (n == -EAGAIN || n == -EINTR) return;
  if (n == 0 && c->waits) {
    c->in_ended = true; /* it has half-closed, and is answered at the end */
    return;
  }
  if (n <= 0) return client_drop(m, c);
  const char *end = memchr(at, '\n', (size_t)n);
  size_t len = end ? (size_t)(end - at) + 1 : (size_t)n;
  sys_recv(c->fd, at, len, MSG_DONTWAIT);
  c->request_len += (uint32_t)len;
  if (!end && c->request_len >= REQUEST_MAX - 1) return client_drop(m, c);
  if (!end) return;
  c->request[c->request_len - 1] = 0;
  c->request_len = 0;
  request(m, c, c->request);
}

short client_events(const struct monitor *m, const struct client *c) {
  bool input = c->attached ? !c->in_ended && (!c->wants_in || m->pending_len == 0 || m->in < 0) : !c->in_ended;
  return (short)((input ? POLLIN : 0) | (client_pending(c) ? POLLOUT : 0));
}

/* A hang-up is the end of one whose input has been read; one that half-closed has none. */
void client_ready(struct monitor *m, struct client *c, short events) {
  if (events & POLLOUT) client_continue(c);
  if (!c->in_ended && !(client_events(m, c) & POLLIN)) {
    if (events & (POLLHUP | POLLERR)) c->gone = true;
    return;
  }
  if (!c->broken && !c->in_ended && (events & (POLLIN | POLLHUP | POLLERR))) client_readable(m, c);
  else if (events & (POLLHUP | POLLERR)) c->broken = true;
}
