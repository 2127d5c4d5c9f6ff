/* The runner: two processes, the monitor and the container's, that go through one plan. */
#ifndef KOBAKO_RUN_H
#define KOBAKO_RUN_H

#include "plan.h"
#include "sys.h"

/* What monitor and container's process share: one MAP_SHARED page, which exec takes from the container's process. */
struct shared {
  volatile int32_t at;       /* index of the operation that the container's process is at */
  volatile int32_t code;     /* and its code */
  volatile int32_t failed;   /* 1: that operation failed, with error and detail */
  volatile int32_t error;
  volatile int32_t exec;     /* 1: execve has been tried */
  volatile int32_t child;    /* pid of the container's process as the monitor sees it (CLONE_PARENT_SETTID) */
  volatile int32_t listener; /* seccomp: fd number in the container's process + 1 */
  volatile int32_t taken;    /* seccomp: the monitor has the listener */
  volatile int32_t cloned;   /* clone in a user namespace: what clone3 gave */
  volatile int32_t pidfd;    /* and the pidfd */
  char detail[1024];         /* of the failure; NUL-terminated */
};

struct runner {
  struct plan plan;
  uint32_t begun; /* offset in the plan up to which it was done before the rest of it had come */
  struct shared *shared;
  int channel;         /* to who started us; -1 when it has gone */
  int sync;            /* SOCK_SEQPACKET to the other process; -1 when closed */
  int pid, pidfd;      /* the container's process, as the monitor sees it; 0 and -1 before clone and after it is reaped */
  bool in_child;       /* this process is the container's */
  bool started;        /* its exec happened */
  uint64_t started_at; /* CLOCK_REALTIME, ns */
  uint64_t old_mask;   /* signals blocked when we were started; since then all are blocked, in the child until exec */
  int slots[MAX_SLOTS];
  char detail[1024]; /* of the failure of the current operation, when run_detail was called */
  bool has_detail;
  int mounts; /* the mount namespace of the container's process; negative where it is not held */
  void (*tell)(struct runner *r); /* how the end is told; NULL: nobody is to be, or all have been */
  struct reports *reports; /* where `report` puts what it reads, during cleanup */
  uint32_t line_len; /* bytes read from the channel and not yet taken */
  char line[4096];
};

/* ---- for op handlers ---- */
/* The fd of a slot field; AT_FDCWD where it is absent. -EBADF (as an fd) where a cleanup finds it was never opened. */
int run_fd(const struct runner *r, union val slot);
/* The fd of a slot field, or -1 where it is absent. */
int run_fd_or_none(const struct runner *r, union val slot);
/* Put a fresh fd (or a negative errno, which is returned) into a slot; what was in it is closed. 0 or negative errno. */
long run_open(struct runner *r, union val slot, long fd);
/* Explain the failure that the handler is about to return. */
void run_detail(struct runner *r, const char *text, size_t len);

/* ---- for the monitor ---- */
/* How the container's process ended. */
struct exit_info {
  int pid;
  int status; /* exit code, or 128 + signal */
  int signal; /* 0 where it exited by itself */
  uint64_t exited_at; /* CLOCK_REALTIME, ns */
};

/* Texts that `report` operations read during cleanup. */
struct reports {
  int count;
  struct {
    const char *name;
    uint32_t at, len; /* in data */
  } items[PLAN_MAX_REPORTS];
  char *data; /* PLAN_MAX_REPORTS * REPORT_MAX bytes, mapped at the first report; NULL before */
};
#define REPORT_MAX 4096u

/* Send text on the channel; false where that is gone, which is no failure. The text must be one line of JSON with its \n. */
bool runner_send(struct runner *r, const char *data, size_t len);
/* The last word has been said: whoever reads it is not to be disturbed by an error at what it writes meanwhile. */
void runner_hang_up(struct runner *r);
/* {"event":NAME,"pid":P} */
void runner_event(struct runner *r, const char *name);

/* The event of a failed operation; with index -1, of a plan that was refused. */
void runner_failed(struct runner *r, int index, const char *op, int side, int error, const char *detail);

/* The next whole line from the channel, NUL-terminated without its \n, into line (4096 bytes). Returns its length, -1
   when there is none yet (only with wait false), -2 at EOF, on an error and after a line that is too long. */
long runner_line(struct runner *r, char *line, bool wait);

/* Post a token to the other process. 0 or a negative errno. */
long runner_post(struct runner *r, int token);
/* Take a token from the other process: its number (> 0); 0: EOF, the other process has exec'ed or died; or a negative
   errno: -EAGAIN when there is none (only with wait false), -EPROTO when it sent an fd. */
long runner_token(struct runner *r, bool wait);

/* Sends the `failed` event of the child, if it left a record, or ended (or does within the time) before its exec. */
bool runner_send_child_failure(struct runner *r, int within_ms);

/* Call at EOF of sync. The exec happened: sets started and started_at, closes sync, returns false, sends nothing.
   It did not: sends the `failed` event, returns true; the caller then goes on with runner_abort. */
bool runner_child_failed(struct runner *r);

/* Kill the container's process where it still runs, reap it, run cleanup. Returns 125, the helper's exit code. */
int runner_abort(struct runner *r);

/* Reap the container's process, which has ended (waits until it has). Closes pidfd. */
void runner_reap(struct runner *r, struct exit_info *info);

/* Run the cleanup operations; each one's failure is ignored, but returns false. At most once. */
bool runner_cleanup(struct runner *r, struct reports *reports);

/* Tells of the end now, unless that has been done. */
void runner_tell(struct runner *r);

/* The exit event as one line of JSON with its \n, in memory of its own (mapped; not freed: this is the end). */
struct text runner_exit_record(struct runner *r, const struct exit_info *info, const struct reports *reports);

/* `kobako-helper run FD`. Returns the helper's exit code. */
int run_main(int channel);
/* A Unix socket at a path: connected to it where mode is negative, else listening there. Negative errno or the socket. */
long unix_socket(const char *path, int type, int mode);

#endif
