#include "run.h"
#include "monitor.h"
#include "ops.h"

static struct runner self; /* not on the stack: zero pages that are never touched cost nothing */
static struct reports self_reports;

static long dispatch(struct runner *r, const struct op *op) {
  switch ((enum op_code)op->code) {
#define CASE(CODE, name) \
  case OP_##CODE: \
    return run_op_##name(r, (const void *)op->fields);
    OPS_EACH(CASE)
#undef CASE
  }
  return -ENOSYS;
}

/* ---- for op handlers ---- */

int run_fd(const struct runner *r, union val slot) { return slot.num == SLOT_ABSENT ? AT_FDCWD : r->slots[slot.num]; }

int run_fd_or_none(const struct runner *r, union val slot) { return slot.num == SLOT_ABSENT ? -1 : r->slots[slot.num]; }

long run_open(struct runner *r, union val slot, long fd) {
  if ((fd = above_stdio(fd)) < 0) return fd;
  int *place = &r->slots[slot.num];
  if (*place >= 0) sys_close(*place);
  *place = (int)fd;
  return 0;
}

void run_detail(struct runner *r, const char *text, size_t len) {
  if (len >= sizeof r->detail) len = sizeof r->detail - 1;
  memcpy(r->detail, text, len);
  r->detail[len] = 0;
  r->has_detail = true;
}

/* ---- going through the plan ---- */

/* The text that goes with a failure: the handler's, else the operation's first string. */
static const char *failure_detail(const struct runner *r, const struct op *op) {
  if (r->has_detail) return r->detail;
  const char *kinds = op_defs[op->code].fields;
  for (int i = 0; kinds[i]; i++)
    if (kinds[i] == 'z' && op->fields[i].len) return op->fields[i].data;
  return "";
}

static long run_one(struct runner *r, const struct op *op) {
  r->has_detail = false;
  long ret = dispatch(r, op);
  if (ret >= 0 || ret == -op->ignore[0] || ret == -op->ignore[1]) return 0;
  return ret;
}

__attribute__((noreturn)) static void child_fails(struct runner *r, const struct op *op, long error) {
  struct shared *s = r->shared;
  struct text t = {s->detail, 0, sizeof s->detail - 1, false};
  put_str(&t, failure_detail(r, op));
  s->detail[t.len] = 0;
  s->error = (int32_t)-error;
  __atomic_store_n(&s->failed, 1, __ATOMIC_RELEASE);
  sys_exit(127);
}

static int monitor_fails(struct runner *r, int index, const struct op *op, long error) {
  /* a token that did not come or an id map that could not be written: the child may have failed first */
  if (!r->pid || !runner_send_child_failure(r, error == -ECANCELED ? 100 : 0))
    runner_failed(r, index, op_defs[op->code].name, SIDE_MONITOR, (int)-error, failure_detail(r, op));
  return runner_abort(r);
}

bool runner_cleanup(struct runner *r, struct reports *reports) {
  static bool done;
  uint32_t at = PLAN_HEADER;
  struct op op;
  bool clean = true;
  if (done) return false;
  done = true;
  r->reports = reports ? reports : &self_reports;
  for (uint32_t i = 0; i < r->plan.ops; i++) {
    at = plan_op(&r->plan, at, &op);
    if (op.side == SIDE_CLEANUP && run_one(r, &op) < 0) clean = false;
  }
  return clean;
}

void runner_tell(struct runner *r) {
  void (*tell)(struct runner *) = r->tell;
  r->tell = NULL;
  if (tell) tell(r);
}

/* Without a `monitor` operation: stay until the container's process ends, and no more. */
static int wait_for_child(struct runner *r, struct exit_info *info) {
  long token;
  while ((token = runner_token(r, true)) > 0)
    if (token == TOKEN_CREATED) runner_event(r, "waiting");
  if (token < 0 || runner_child_failed(r)) return -1;
  runner_event(r, "started");
  runner_reap(r, info);
  return 0;
}

/* All operations of this process's side. In the child it does not return. */
static int run_plan(struct runner *r) {
  uint32_t at = PLAN_HEADER;
  struct op op;
  for (uint32_t i = 0; i < r->plan.ops; i++) {
    at = plan_op(&r->plan, at, &op);
    if (op.side == SIDE_CLEANUP) break;
    if (at <= r->begun || op.side != (r->in_child ? SIDE_CONTAINER : SIDE_MONITOR)) continue;
    if (op.code == OP_MONITOR) return monitor_run(r, (const void *)op.fields);
    if (r->in_child || op.code == OP_CLONE) {
      r->shared->code = op.code;
      r->shared->at = (int32_t)i;
    }
    long ret = run_one(r, &op);
    if (ret < 0 && r->in_child) child_fails(r, &op, ret);
    if (ret < 0) return monitor_fails(r, (int)i, &op, ret);
  }
  struct exit_info info = {0, 0, 0, 0};
  if (r->plan.has_clone && wait_for_child(r, &info) < 0) return runner_abort(r);
  if (!r->plan.has_clone) info.exited_at = sys_now(CLOCK_REALTIME);
  runner_cleanup(r, &self_reports);
  struct text record = runner_exit_record(r, &info, &self_reports);
  runner_send(r, record.data, record.len);
  return info.status;
}

HANDLER(monitor) {
  (void)r, (void)o;
  return -ENOSYS; /* run_plan hands it to monitor_run */
}

/* ---- the start ---- */

static int refuse(struct runner *r, const char *why, int index) {
  char detail[256];
  struct text t = {detail, 0, sizeof detail - 1, false};
  put_str(&t, "malformed plan: ");
  if (index >= 0) {
    put_str(&t, "operation ");
    put_num(&t, index);
    put_str(&t, ": ");
  }
  put_str(&t, why);
  detail[t.len] = 0;
  runner_failed(r, -1, "", SIDE_MONITOR, EINVAL, detail);
  return 125;
}

/* What has come from the channel. */
struct input {
  unsigned char *data;
  size_t cap, have;
};

/* Until a plan is there, of *size bytes; more may have come after it. NULL, or what is wrong. */
static const char *read_plan(struct runner *r, struct input *in, uint32_t *size) {
  *size = 0;
  for (;;) {
    if (*size == 0 && in->have >= PLAN_HEADER) {
      if (!(*size = plan_size(in->data, in->have))) return "it is no plan";
      if (*size > in->cap) {
        void *large = sys_mmap(*size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (sys_is_error(large)) return "there is no memory for it";
        memcpy(large, in->data, in->have);
        in->data = large;
        in->cap = *size;
      }
    }
    if (*size && in->have >= *size) return NULL;
    long n = sys_read(r->channel, in->data + in->have, in->cap - in->have);
    if (n == -EINTR) continue;
    if (n <= 0) return "it is cut off";
    in->have += (size_t)n;
  }
}

/* What came after the plan are lines. */
static const char *keep_lines(struct runner *r, const struct input *in, uint32_t size) {
  if (in->have - size > sizeof r->line) return "too much comes after it";
  r->line_len = (uint32_t)(in->have - size);
  memcpy(r->line, in->data + size, r->line_len);
  return NULL;
}

/* The operations that begin a plan, while the rest of it is still being made; then that. 0, or the helper's exit code. */
static int run_first(struct runner *r, struct input *in, uint32_t size) {
  struct plan first;
  const char *error;
  int index = -1;
  uint32_t done = PLAN_HEADER;
  struct op op;
  void *copy = sys_mmap(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (sys_is_error(copy)) return refuse(r, "there is no memory", -1);
  memcpy(copy, in->data, size);
  in->have -= size;
  memmove(in->data, in->data + size, in->have);
  r->plan.bytes = copy;
  for (uint32_t i = 0; i < r->plan.ops; i++) {
    uint32_t next = plan_op(&r->plan, done, &op);
    if (op.side == SIDE_CLEANUP) break;
    long ret = run_one(r, &op);
    if (ret < 0) return monitor_fails(r, (int)i, &op, ret);
    done = next;
  }
  first = r->plan;
  error = read_plan(r, in, &size);
  if (!error) error = plan_check(&r->plan, in->data, size, &index);
  if (!error && (r->plan.more || size < done || memcmp(in->data + PLAN_HEADER, first.bytes + PLAN_HEADER, done - PLAN_HEADER) != 0))
    error = "it does not begin with what was begun";
  if (error) {
    r->plan = first;
    runner_cleanup(r, NULL);
    return refuse(r, error, index);
  }
  sys_munmap(copy, first.size);
  r->begun = done;
  return 0;
}

int run_main(int channel) {
  static _Alignas(8) unsigned char small[32 << 10];
  struct runner *r = &self;
  struct input in = {small, sizeof small, 0};
  uint64_t all = ~(uint64_t)0;
  uint32_t size;
  int index = -1, code;
  r->channel = channel;
  r->sync = r->pidfd = r->mounts = -1;
  for (int i = 0; i < MAX_SLOTS; i++) r->slots[i] = -1;
  if (sys_fcntl(channel, F_SETFD, FD_CLOEXEC) < 0) return 125;
  /* a signal must not end us halfway (nor SIGPIPE ever); the monitor takes them up, exec in the child lets them through */
  sys_sigprocmask(SIG_SETMASK, &all, &r->old_mask);
  const char *error = read_plan(r, &in, &size);
  if (error) return refuse(r, error, -1);
  if ((error = plan_check(&r->plan, in.data, size, &index))) return refuse(r, error, index);
  if (r->plan.more && (code = run_first(r, &in, size))) return code;
  if ((error = keep_lines(r, &in, r->plan.size))) return refuse(r, error, -1);
  if (r->plan.has_clone) {
    void *page = sys_mmap(sizeof *r->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sys_is_error(page)) return refuse(r, "there is no memory", -1);
    r->shared = page;
  }
  return run_plan(r);
}
