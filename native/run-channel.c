/* The channel: events go out on it as lines of JSON, and command lines come in. */
#include "run.h"

bool runner_send(struct runner *r, const char *data, size_t len) {
  if (r->channel < 0) return false;
  if (send_all(r->channel, data, len) >= 0) return true;
  /* whoever does not listen is no reason to wait: for us it has gone, and reading will say so */
  sys_shutdown(r->channel, SHUT_RDWR);
  return false;
}

#define HANG_UP_MS 1000

void runner_hang_up(struct runner *r) {
  char rest[256];
  struct pollfd p = {r->channel, POLLIN, 0};
  if (r->channel < 0 || sys_shutdown(r->channel, SHUT_WR) < 0) return;
  while (sys_poll(&p, 1, HANG_UP_MS) > 0 && sys_recv(r->channel, rest, sizeof rest, MSG_DONTWAIT) > 0) {}
}

void runner_event(struct runner *r, const char *name) {
  char data[128];
  struct text t = {data, 0, sizeof data, false};
  put_str(&t, "{\"event\":\"");
  put_str(&t, name);
  put_str(&t, "\",\"pid\":");
  put_num(&t, r->pid);
  put_str(&t, "}\n");
  runner_send(r, t.data, t.len);
}

long runner_line(struct runner *r, char *line, bool wait) {
  for (;;) {
    char *end = memchr(r->line, '\n', r->line_len);
    if (end) {
      uint32_t len = (uint32_t)(end - r->line);
      memcpy(line, r->line, len);
      line[len] = 0;
      r->line_len -= len + 1;
      memmove(r->line, end + 1, r->line_len);
      return (long)len;
    }
    if (r->line_len == sizeof r->line || r->channel < 0) return -2;
    long n = sys_recv(r->channel, r->line + r->line_len, sizeof r->line - r->line_len, wait ? 0 : MSG_DONTWAIT);
    if (n == -EINTR) continue;
    if (n == -EAGAIN && !wait) return -1;
    if (n == -EAGAIN) {
      struct pollfd p = {r->channel, POLLIN, 0};
      sys_poll(&p, 1, -1);
      continue;
    }
    if (n <= 0) return -2;
    r->line_len += (uint32_t)n;
  }
}

void runner_failed(struct runner *r, int index, const char *op, int side, int error, const char *detail) {
  static const char *const sides[] = {"monitor", "container", "cleanup"};
  static char data[8192];
  struct text t = {data, 0, sizeof data - 2, false};
  put_str(&t, "{\"event\":\"failed\",\"index\":");
  put_num(&t, index);
  put_str(&t, ",\"op\":");
  put_json(&t, op, strlen(op));
  put_str(&t, ",\"side\":\"");
  put_str(&t, sides[side]);
  put_str(&t, "\",\"errno\":");
  put_num(&t, error);
  put_str(&t, ",\"detail\":");
  put_json(&t, detail, strlen(detail));
  t.cap += 2;
  put_str(&t, "}\n");
  runner_send(r, t.data, t.len);
}

static void put_nanoseconds(struct text *t, const char *key, uint64_t ns) {
  put_str(t, key);
  put_num(t, (int64_t)ns);
  put_char(t, '"');
}

struct text runner_exit_record(struct runner *r, const struct exit_info *info, const struct reports *reports) {
  static char fixed[1024];
  struct text t = {fixed, 0, sizeof fixed, false};
  size_t size = 512;
  for (int i = 0; i < reports->count; i++) size += strlen(reports->items[i].name) * 6 + reports->items[i].len * 6 + 8;
  if (size > sizeof fixed) {
    void *more = sys_mmap(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!sys_is_error(more)) t = (struct text){more, 0, size, false};
  }
  bool room = t.cap >= size;
  put_str(&t, "{\"event\":\"exit\",\"pid\":");
  put_num(&t, info->pid);
  put_str(&t, ",\"status\":");
  put_num(&t, info->status);
  put_str(&t, ",\"signal\":");
  put_num(&t, info->signal);
  put_nanoseconds(&t, ",\"startedAt\":\"", r->started_at);
  put_nanoseconds(&t, ",\"exitedAt\":\"", info->exited_at);
  put_str(&t, ",\"reports\":{");
  for (int i = 0; room && i < reports->count; i++) {
    if (i) put_char(&t, ',');
    put_json(&t, reports->items[i].name, strlen(reports->items[i].name));
    put_char(&t, ':');
    put_json(&t, reports->data + reports->items[i].at, reports->items[i].len);
  }
  put_str(&t, "}}\n");
  return t;
}
