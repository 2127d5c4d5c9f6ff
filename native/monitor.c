/*
 * The monitor: what stays of the helper while the container's process runs. One loop over poll; no threads, no timers
 * while nothing happens.
 */
#include "monitor.h"
#include "attach.h"
#include "log.h"

#define DRAIN_MS 2000 /* after the exit: what somebody else still holds open is not waited for any longer */
#define FLUSH_MS 5000 /* for clients to take the rest */
#define ACCEPT_PAUSE_MS 100 /* while a client cannot be taken in for want of fds or memory */
#define IDLE_MS 100          /* after much was carried: then its memory is given back */
#define MUCH (8 << 10)
#define LAST_READS 16       /* of what is in a pipe after all: 1 MiB, the most that one holds */

enum { P_SYNC, P_CHILD, P_SIGNALS, P_CHANNEL, P_LISTEN, P_INPUT, P_OUT0, P_OUT1, P_CLIENTS };

static struct monitor {
  struct runner *r;
  const struct op_monitor *o;
  uint64_t flags;
  int out[2]; /* read ends, or the pty in [0]; -1 when ended */
  int in;     /* write end, or the pty; -1 when closed */
  int pty, listen, signals;
  bool much; /* buffers have been filled since they were given back */
  bool created, started, start_asked, start_given, ended, close_in;
  uint32_t pending_len, pending_at; /* input on its way to the container */
  struct exit_info exit;
  uint64_t ended_at;     /* CLOCK_MONOTONIC */
  uint64_t accept_after; /* CLOCK_MONOTONIC; 0 while nothing hinders */
} self;
static struct clients clients;
static struct log logged;
_Alignas(4096) static char buffer[64 << 10];
_Alignas(4096) static char pending[32 << 10];
static char line[4096];

static void close_input(struct monitor *m) {
  if (m->in < 0) return;
  if (m->pending_len) m->close_in = true; /* when that is written */
  else if (m->in != m->pty) {
    sys_close(m->in);
    m->in = -1;
  }
}

static void write_input(struct monitor *m) {
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
    close_input(m);
  }
}

static void give_start(struct monitor *m) {
  if (!m->start_asked || !m->created || m->started || m->r->sync < 0) return;
  m->start_asked = false;
  m->created = false;
  m->start_given = true;
  runner_post(m->r, TOKEN_START);
}

/* ---- commands ---- */

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

/* Does what a line asks for. NULL: done; else what is wrong with it. */
static const char *command(struct monitor *m, const char *text) {
  int64_t a, b;
  if (word(&text, "start")) {
    if (m->started) return "it has started already";
    m->start_asked = true;
    give_start(m);
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
    close_input(m);
    return NULL;
  }
  return "unknown command";
}

static void answer(struct client *c, const char *error) {
  char data[128];
  struct text t = {data, 0, sizeof data - 1, false};
  put_str(&t, error ? "error " : "ok");
  if (error) put_str(&t, error);
  put_char(&t, '\n');
  data[t.len] = 0;
  client_text(&clients, c, data);
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
  client_text(&clients, c, data);
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
    while (*text)
      if (!flag(&text, "stdin=", &c->wants_in) && !flag(&text, "stdout=", &c->wants[0]) && !flag(&text, "stderr=", &c->wants[1]))
        return answer(c, "attach takes stdin, stdout and stderr, each =0 or =1");
    answer(c, NULL);
    c->attached = clients.ever = true;
  } else if (word(&text, "wait")) c->waits = true;
  else if (word(&text, "status")) answer_status(m, c);
  else answer(c, command(m, text));
}

/* The client sends no more: its part of the input has ended. */
static void end_of_client_input(struct monitor *m, struct client *c) {
  if (c->in_ended) return;
  c->in_ended = true;
  if (c->attached && c->wants_in && (m->flags & MONITOR_STDIN_ONCE)) close_input(m);
}

static void drop(struct monitor *m, struct client *c) {
  end_of_client_input(m, c);
  client_close(c);
}

static void take_input(struct monitor *m, const char *data, size_t len) {
  if (m->in < 0) return;
  if (m->pending_len == 0) m->pending_at = 0;
  if (len > MUCH) m->much = true;
  memcpy(pending + m->pending_at + m->pending_len, data, len);
  m->pending_len += (uint32_t)len;
  write_input(m);
}

/* What a client has sent: its request lines, and once it has attached, input. At most one buffer at a time. */
static void client_readable(struct monitor *m, struct client *c) {
  if (c->attached) {
    if (c->wants_in && m->pending_len) return; /* another client's input is still on its way */
    long n = sys_recv(c->fd, buffer, sizeof pending, MSG_DONTWAIT);
    if (n == -EAGAIN || n == -EINTR) return;
    if (n < 0) return drop(m, c);
    if (n == 0) return end_of_client_input(m, c);
    if (c->wants_in) take_input(m, buffer, (size_t)n);
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
  if (n <= 0) return drop(m, c);
  const char *end = memchr(at, '\n', (size_t)n);
  size_t len = end ? (size_t)(end - at) + 1 : (size_t)n;
  sys_recv(c->fd, at, len, MSG_DONTWAIT);
  c->request_len += (uint32_t)len;
  if (!end && c->request_len >= REQUEST_MAX - 1) return drop(m, c);
  if (!end) return;
  c->request[c->request_len - 1] = 0;
  c->request_len = 0;
  request(m, c, c->request);
}

/* ---- the streams ---- */

static void readable(struct monitor *m, int stream) {
  long n = sys_read(m->out[stream], buffer, sizeof buffer);
  if (n == -EINTR || n == -EAGAIN) return;
  uint64_t now = sys_now(CLOCK_REALTIME);
  if (n > 0) {
    if (n > MUCH) m->much = true;
    log_add(&logged, stream, buffer, (size_t)n, now);
    clients_output(&clients, stream, buffer, (size_t)n);
    return;
  }
  /* the end; of a pty it is told as EIO */
  log_end(&logged, stream, now);
  if (m->out[stream] != m->pty) sys_close(m->out[stream]);
  m->out[stream] = -1;
}

/* ---- life and death ---- */

static bool channel_readable(struct monitor *m);

/* Takes tokens. False: the plan failed, or there is nothing to stay for. */
static bool sync_readable(struct monitor *m, int *code) {
  long token = runner_token(m->r, false);
  if (token == -EAGAIN) return true;
  if (token > 0) {
    if (token == TOKEN_CREATED) {
      m->created = true;
      runner_event(m->r, "waiting");
      if (m->flags & MONITOR_LEAVE) {
        /* whoever wanted it has gone meanwhile: nobody knows of it, so it is given up */
        *code = channel_readable(m) ? 0 : runner_abort(m->r);
        return false;
      }
      give_start(m);
    }
    return true;
  }
  if (token < 0 || runner_child_failed(m->r)) {
    *code = runner_abort(m->r);
    return false;
  }
  m->started = true;
  runner_event(m->r, "started");
  *code = 0;
  return !(m->flags & MONITOR_LEAVE);
}

static bool channel_readable(struct monitor *m) {
  long n;
  while ((n = runner_line(m->r, line, false)) >= 0) command(m, line);
  if (n == -1) return true;
  sys_close(m->r->channel);
  m->r->channel = -1;
  /* who was to say start has gone before it did: nobody else will */
  return m->started || m->start_given;
}

static void forward(struct monitor *m) {
  struct signal_event event;
  while (sys_read(m->signals, &event, sizeof event) == sizeof event)
    if (event.signo != SIGCHLD && !m->ended) sys_pidfd_send_signal(m->r->pidfd, (int)event.signo);
}

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
static void flush_clients(void) {
  uint64_t end = sys_now(CLOCK_MONOTONIC) + FLUSH_MS * 1000000ull;
  static struct pollfd polled[MAX_CLIENTS];
  for (;;) {
    bool late = sys_now(CLOCK_MONOTONIC) >= end;
    unsigned count = 0;
    for (int i = 0; i < clients.used; i++) {
      struct client *c = &clients.all[i];
      if (c->fd < 0) continue;
      if (!c->broken) client_continue(c);
      if (c->broken || !client_pending(c) || (late && !c->attached)) client_close(c);
      else polled[count++] = (struct pollfd){c->fd, POLLOUT, 0};
    }
    if (!count) return;
    sys_poll(polled, count, late ? -1 : FLUSH_MS);
  }
}

static int finish(struct monitor *m) {
  uint64_t now = sys_now(CLOCK_REALTIME);
  for (int i = 0; i < 2; i++) log_end(&logged, i, now);
  struct reports reports = {0};
  runner_cleanup(m->r, &reports);
  struct text record = runner_exit_record(m->r, &m->exit, &reports);
  if (m->o->exit_path.len) write_exit_file(m->o->exit_path.data, &record);
  runner_send(m->r, record.data, record.len);
  for (int i = 0; i < clients.used; i++)
    if (clients.all[i].fd >= 0 && clients.all[i].waits) client_send(&clients, &clients.all[i], "ok ", 3, record.data, record.len);
  flush_clients();
  return m->exit.status;
}

/* ---- the loop ---- */

static short client_events(const struct monitor *m, const struct client *c) {
  bool input = c->attached ? !c->in_ended && (!c->wants_in || m->pending_len == 0 || m->in < 0) : !c->in_ended;
  return (short)((input ? POLLIN : 0) | (client_pending(c) ? POLLOUT : 0));
}

/* What poll said of a client. A hang-up is the end of one whose input has been read; one that half-closed has none. */
static void client_ready(struct monitor *m, struct client *c, short events) {
  if (events & POLLOUT) client_continue(c);
  if (!c->broken && !c->in_ended && (events & (POLLIN | POLLHUP | POLLERR))) client_readable(m, c);
  else if (events & (POLLHUP | POLLERR)) c->broken = true;
}

static void accept_clients(struct monitor *m) {
  bool full = clients_accept(&clients, m->listen) < 0;
  m->accept_after = full ? sys_now(CLOCK_MONOTONIC) + ACCEPT_PAUSE_MS * 1000000ull : 0;
}

/* Whether to look for new clients. The listening socket stays readable where they cannot be taken: that must not spin. */
static bool accepts(struct monitor *m) {
  if (m->accept_after && sys_now(CLOCK_MONOTONIC) >= m->accept_after) m->accept_after = 0;
  return !m->accept_after;
}

static bool reads_output(const struct monitor *m) {
  if (!(m->flags & MONITOR_BACKPRESSURE) || m->ended) return true;
  return clients.ever && !clients_behind(&clients);
}

static bool drained(const struct monitor *m) {
  if (!m->ended) return false;
  return (m->out[0] < 0 && m->out[1] < 0) || sys_now(CLOCK_MONOTONIC) - m->ended_at > DRAIN_MS * 1000000ull;
}

/* The time may be up because this process did not get to run: what is there is taken nevertheless. */
static void read_the_rest(struct monitor *m) {
  for (int i = 0; i < 2; i++) {
    struct pollfd p = {m->out[i], POLLIN, 0};
    for (int n = 0; n < LAST_READS && m->out[i] >= 0 && sys_poll(&p, 1, 0) > 0; n++) readable(m, i);
  }
}

static int wait_ms(const struct monitor *m) { return m->ended || m->accept_after || m->much ? IDLE_MS : -1; }

static void idle(struct monitor *m) {
  m->much = false;
  log_idle();
  sys_madvise_dontneed(buffer, sizeof buffer);
  if (!m->pending_len) sys_madvise_dontneed(pending, sizeof pending);
}

static int loop(struct monitor *m) {
  static struct pollfd p[P_CLIENTS + MAX_CLIENTS];
  struct runner *r = m->r;
  while (!drained(m)) {
    bool output = reads_output(m);
    p[P_SYNC] = (struct pollfd){r->sync, POLLIN, 0};
    p[P_CHILD] = (struct pollfd){m->ended ? -1 : r->pidfd, POLLIN, 0};
    p[P_SIGNALS] = (struct pollfd){m->signals, POLLIN, 0};
    p[P_CHANNEL] = (struct pollfd){r->channel, POLLIN, 0};
    p[P_LISTEN] = (struct pollfd){accepts(m) ? m->listen : -1, POLLIN, 0};
    p[P_INPUT] = (struct pollfd){m->pending_len ? m->in : -1, POLLOUT, 0};
    for (int i = 0; i < 2; i++) p[P_OUT0 + i] = (struct pollfd){output ? m->out[i] : -1, POLLIN, 0};
    int count = clients.used;
    for (int i = 0; i < count; i++) {
      struct client *c = &clients.all[i];
      if (c->fd >= 0 && c->broken) drop(m, c);
      short events = c->fd < 0 ? 0 : client_events(m, c);
      /* one whose input must wait is left out: it may have hung up, and that would wake us over and over */
      p[P_CLIENTS + i] = (struct pollfd){events || c->in_ended ? c->fd : -1, events, 0};
    }
    long ready = sys_poll(p, (unsigned)(P_CLIENTS + count), wait_ms(m));
    if (ready < 0) {
      if (ready != -EINTR) sys_sleep_us(ACCEPT_PAUSE_MS * 1000); /* no memory, or a limit lowered below what is open */
      continue;
    }
    if (!ready && m->much) idle(m);

    int code = 0;
    if (p[P_SYNC].revents && !sync_readable(m, &code)) return code;
    if (p[P_SIGNALS].revents) forward(m);
    if (p[P_CHANNEL].revents && !channel_readable(m)) return runner_abort(r);
    if (p[P_LISTEN].revents) accept_clients(m);
    for (int i = 0; i < 2; i++)
      if (p[P_OUT0 + i].revents) readable(m, i);
    if (p[P_INPUT].revents) write_input(m);
    for (int i = 0; i < count; i++) {
      struct client *c = &clients.all[i];
      if (c->fd >= 0 && p[P_CLIENTS + i].revents) client_ready(m, c, p[P_CLIENTS + i].revents);
    }
    if (p[P_CHILD].revents && r->sync < 0) {
      m->ended = true;
      m->ended_at = sys_now(CLOCK_MONOTONIC);
      runner_reap(r, &m->exit);
    }
  }
  read_the_rest(m);
  return finish(m);
}

static int slot_fd(const struct runner *r, union val slot) {
  int fd = run_fd_or_none(r, slot);
  if (fd >= 0) sys_fcntl(fd, F_SETFL, sys_fcntl(fd, F_GETFL, 0) | O_NONBLOCK);
  return fd;
}

int monitor_run(struct runner *r, const struct op_monitor *o) {
  struct monitor *m = &self;
  m->r = r;
  m->o = o;
  m->flags = (uint64_t)o->flags.num;
  m->pty = slot_fd(r, o->pty);
  m->out[0] = m->pty >= 0 ? m->pty : slot_fd(r, o->stdout);
  m->out[1] = slot_fd(r, o->stderr);
  m->in = m->pty >= 0 ? m->pty : slot_fd(r, o->stdin);
  m->listen = slot_fd(r, o->listen);
  m->signals = -1;
  clients_init(&clients, o->spill_dir.data, m->pty >= 0);
  logged.fd = -1;
  if (o->log_path.len && log_open(&logged, o->log_path.data, (uint64_t)o->log_max_size.num, o->log_max_files.num, o->log_extra.data) < 0)
    logged.fd = -1;
  if (m->flags & MONITOR_FORWARD_SIGNALS) {
    uint64_t all = ~(uint64_t)0;
    m->signals = (int)sys_signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  } else {
    sys_setsid(); /* fails only where it leads its session already */
  }
  /* a plan that does not wait for start has no client to hold output back for */
  if (!(m->flags & MONITOR_WAIT_START)) m->start_asked = true;
  return loop(m);
}
