/* The monitor's view of the container's process: its tokens, its failure, its end. */
#include "run.h"

long runner_post(struct runner *r, int token) {
  long n;
  do n = sys_send(r->sync, &token, sizeof token, MSG_NOSIGNAL);
  while (n == -EINTR);
  return n < 0 ? n : 0;
}

long runner_token(struct runner *r, bool wait) {
  int token = 0, fd;
  long n = recv_fd(r->sync, &token, sizeof token, &fd, wait ? 0 : MSG_DONTWAIT);
  if (fd >= 0) {
    sys_close(fd);
    return -EPROTO;
  }
  if (n == -ECONNRESET) return 0;
  if (n <= 0) return n;
  return n == sizeof token && token > 0 ? token : -EPROTO;
}

/* Whether the child has ended, or does within the time; how is then in *info (it is not reaped). */
static bool has_ended(struct runner *r, struct wait_info *info, int within_ms) {
  struct pollfd p = {r->pidfd, POLLIN, 0};
  info->pid = 0;
  if (sys_poll(&p, 1, within_ms) <= 0) return false;
  return sys_waitid(3, r->pidfd, info, WEXITED | WNOWAIT | WNOHANG) == 0 && info->pid != 0;
}

static const char *code_name(int32_t code) { return code >= 0 && code < OP_COUNT ? op_defs[code].name : ""; }

bool runner_send_child_failure(struct runner *r, int within_ms) {
  struct shared *s = r->shared;
  struct wait_info info;
  if (__atomic_load_n(&s->failed, __ATOMIC_ACQUIRE)) {
    /* copied before it is looked at: whoever can trace the child can change the page at any moment */
    char told[sizeof s->detail];
    memcpy(told, s->detail, sizeof told);
    told[sizeof told - 1] = 0;
    runner_failed(r, s->at, code_name(s->code), SIDE_CONTAINER, s->error, told);
    return true;
  }
  if (s->exec || !has_ended(r, &info, within_ms)) return false;
  char detail[64];
  struct text t = {detail, 0, sizeof detail - 1, false};
  put_str(&t, info.code == CLD_EXITED ? "ended with status " : "killed by signal ");
  put_num(&t, info.status);
  detail[t.len] = 0;
  runner_failed(r, s->at, code_name(s->code), SIDE_CONTAINER, ECANCELED, detail);
  return true;
}

bool runner_child_failed(struct runner *r) {
  if (runner_send_child_failure(r, 100)) return true;
  sys_close(r->sync);
  r->sync = -1;
  r->started = true;
  r->started_at = sys_now(CLOCK_REALTIME);
  return false;
}

void runner_reap(struct runner *r, struct exit_info *info) {
  struct wait_info w = {0};
  long ret;
  do ret = sys_waitid(3, r->pidfd, &w, WEXITED);
  while (ret == -EINTR);
  bool exited = w.code == CLD_EXITED;
  *info = (struct exit_info){r->pid, exited ? w.status : 128 + w.status, exited ? 0 : w.status, sys_now(CLOCK_REALTIME)};
  sys_close(r->pidfd);
  r->pidfd = -1;
  r->pid = 0;
}

int runner_abort(struct runner *r) {
  if (r->pid) {
    struct exit_info info;
    sys_pidfd_send_signal(r->pidfd, SIGKILL);
    runner_reap(r, &info);
  }
  runner_cleanup(r, NULL);
  runner_hang_up(r);
  return 125;
}
