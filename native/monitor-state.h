/* What the parts of the monitor share. One process is one monitor. */
#ifndef KOBAKO_MONITOR_STATE_H
#define KOBAKO_MONITOR_STATE_H

#include "attach.h"
#include "log.h"
#include "monitor.h"

#define MONITOR_BUFFER (64u << 10)
#define MUCH (8 << 10) /* a buffer that was filled so far is given back once nothing happens */

struct monitor {
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
  struct clients clients;
  struct log log;
};

/* What was read last, from the container or from a client. Nothing in it outlives the event that it came with. */
extern char monitor_buffer[MONITOR_BUFFER];

/* ---- monitor.c ---- */
/* Lets the container's program run, once it waits for that and somebody has asked for it. */
void monitor_give_start(struct monitor *m);

/* ---- monitor-input.c ---- */
/* The longest input that is taken at a time. */
#define INPUT_MAX (32u << 10)
/* Ends the container's input, after what is on its way. */
void input_close(struct monitor *m);
/* Takes at most INPUT_MAX bytes, while nothing else is on its way. */
void input_take(struct monitor *m, const char *data, size_t len);
/* The container's input can take more. */
void input_continue(struct monitor *m);
/* Gives the memory back, where it is not needed. */
void input_idle(const struct monitor *m);

/* ---- monitor-requests.c ---- */
/* Does what a line asks for (`start`, `kill`, `resize`, `close-stdin`). NULL: done; else what is wrong with it. */
const char *monitor_command(struct monitor *m, const char *text);
/* A client has gone. */
void client_drop(struct monitor *m, struct client *c);
/* What to poll a client for. */
short client_events(const struct monitor *m, const struct client *c);
/* What poll said of a client. */
void client_ready(struct monitor *m, struct client *c, short events);

/* ---- monitor-end.c ---- */
/* All that follows the end of the container's process. Returns the helper's exit code. */
int monitor_finish(struct monitor *m);

#endif
