/*
 * The monitor: what stays of the helper while the container's process runs. One loop over poll; no threads, no timers
 * while nothing happens.
 */
#include "monitor-state.h"

#define DRAIN_MS 2000 /* after the exit: what somebody else still holds open is not waited for any longer */
#define ACCEPT_PAUSE_MS 100 /* while a client cannot be taken in for want of fds or memory */
#define IDLE_MS 100         /* after much was carried: then its memory is given back */
#define LAST_READS 16       /* of what is in a pipe after all: 1 MiB, the most that one holds */

enum { P_SYNC, P_CHILD, P_SIGNALS, P_CHANNEL, P_LISTEN, P_INPUT, P_OUT0, P_OUT1, P_CLIENTS };

static struct monitor self;
_Alignas(4096) char monitor_buffer[MONITOR_BUFFER];
static char line[4096];

void monitor_give_start(struct monitor *m) {
  if (!m->start_asked || !m->created || m->started || m->r->sync < 0) return;
  m->start_asked = false;
  m->created = false;
  m->start_given = true;
  runner_post(m->r, TOKEN_START);
}

/* It was asked for, and is given once the set-up is done; a plan that waits for nobody has none. */
static bool start_is_kept(const struct monitor *m) { return m->start_asked && m->flags & MONITOR_WAIT_START; }

/* ---- the streams ---- */

static void readable(struct monitor *m, int stream) {
  long n = sys_read(m->out[stream], monitor_buffer, sizeof monitor_buffer);
  if (n == -EINTR || n == -EAGAIN) return;
  uint64_t now = sys_now(CLOCK_REALTIME);
  if (n > 0) {
    if (n > MUCH) m->much = true;
    log_add(&m->log, stream, monitor_buffer, (size_t)n, now);
    clients_output(&m->clients, stream, monitor_buffer, (size_t)n);
    return;
  }
  /* the end; of a pty it is told as EIO */
  log_end(&m->log, stream, now);
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
      /* who asked for the start already does not wait for this */
      if (!start_is_kept(m)) runner_event(m->r, "waiting");
      if (m->flags & MONITOR_LEAVE) {
        /* whoever wanted it has gone meanwhile: nobody knows of it, so it is given up */
        *code = channel_readable(m) ? 0 : runner_abort(m->r);
        return false;
      }
      monitor_give_start(m);
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
  while ((n = runner_line(m->r, line, false)) >= 0) monitor_command(m, line);
  if (n == -1) return true;
  /* who was to say start has gone before it did: nobody else will. It may still wait for the end: that is when all is undone */
  if (!m->started && !m->start_given && !start_is_kept(m)) return false;
  sys_close(m->r->channel);
  m->r->channel = -1;
  return true;
}

static void forward(struct monitor *m) {
  struct signal_event event;
  while (sys_read(m->signals, &event, sizeof event) == sizeof event)
    if (event.signo != SIGCHLD && !m->ended) sys_pidfd_send_signal(m->r->pidfd, (int)event.signo);
}

/* ---- the loop ---- */

/* Where all places are taken, one who has gone gives up his, and what he sent with it. */
static void make_room(struct monitor *m) {
  struct client *gone = NULL;
  for (int i = 0; i < MAX_CLIENTS; i++) {
    struct client *c = &m->clients.all[i];
    if (i >= m->clients.used || c->fd < 0) return;
    if (c->gone) gone = c;
  }
  if (gone) client_drop(m, gone);
}

static void accept_clients(struct monitor *m) {
  make_room(m);
  bool full = clients_accept(&m->clients, m->listen) < 0;
  m->accept_after = full ? sys_now(CLOCK_MONOTONIC) + ACCEPT_PAUSE_MS * 1000000ull : 0;
}

/* Whether to look for new m->clients. The listening socket stays readable where they cannot be taken: that must not spin. */
static bool accepts(struct monitor *m) {
  if (m->accept_after && sys_now(CLOCK_MONOTONIC) >= m->accept_after) m->accept_after = 0;
  return !m->accept_after;
}

static bool reads_output(const struct monitor *m) {
  if (!(m->flags & MONITOR_BACKPRESSURE) || m->ended) return true;
  return m->clients.ever && !clients_behind(&m->clients);
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
  sys_madvise_dontneed(monitor_buffer, sizeof monitor_buffer);
  input_idle(m);
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
    int count = m->clients.used;
    for (int i = 0; i < count; i++) {
      struct client *c = &m->clients.all[i];
      if (c->fd >= 0 && c->broken) client_drop(m, c);
      short events = c->fd < 0 ? 0 : client_events(m, c);
      /* one that has hung up, and whose input must wait, would wake us over and over */
      p[P_CLIENTS + i] = (struct pollfd){c->gone && !events ? -1 : c->fd, events, 0};
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
    if (p[P_INPUT].revents) input_continue(m);
    for (int i = 0; i < count; i++) {
      struct client *c = &m->clients.all[i];
      if (c->fd >= 0 && p[P_CLIENTS + i].revents) client_ready(m, c, p[P_CLIENTS + i].revents);
    }
    if (p[P_CHILD].revents && r->sync < 0) {
      m->ended = true;
      m->ended_at = sys_now(CLOCK_MONOTONIC);
      runner_reap(r, &m->exit);
    }
  }
  read_the_rest(m);
  return monitor_finish(m);
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
  clients_init(&m->clients, o->spill_dir.data, m->pty >= 0);
  m->log.fd = -1;
  if (o->log_path.len && log_open(&m->log, o->log_path.data, (uint64_t)o->log_max_size.num, o->log_max_files.num, o->log_extra.data) < 0)
    m->log.fd = -1;
  if (m->flags & MONITOR_FORWARD_SIGNALS) {
    uint64_t all = ~(uint64_t)0;
    m->signals = (int)sys_signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  } else {
    sys_setsid(); /* fails only where it leads its session already */
  }
  /* a plan that does not wait for start has no client to hold output back for */
  if (!(m->flags & MONITOR_WAIT_START)) m->start_asked = true;
  /* from here on clients are served and `start` is kept for it, while it is still being set up */
  else if (!(m->flags & MONITOR_LEAVE)) runner_event(r, "cloned");
  return loop(m);
}
