/* Meeting points: between monitor and container's process, with whoever started us, and over Unix sockets. */
#include "ops.h"

HANDLER(post) { return runner_post(r, (int)o->token.num); }

HANDLER(wait) {
  long token = runner_token(r, true);
  if (token == 0) return -ECANCELED; /* the other process has gone */
  if (token < 0) return token;
  return token == o->token.num ? 0 : -EPROTO;
}

HANDLER(host_sync) {
  char line[sizeof r->line];
  char data[1024];
  struct text t = {data, 0, sizeof data, false};
  put_str(&t, "{\"event\":\"sync\",\"name\":");
  put_json(&t, o->name.data, o->name.len);
  put_str(&t, ",\"pid\":");
  put_num(&t, r->pid);
  put_str(&t, "}\n");
  if (t.full) return -ENAMETOOLONG;
  runner_send(r, data, t.len);
  return runner_line(r, line, true) == 2 && memcmp(line, "go", 2) == 0 ? 0 : -ECANCELED;
}

HANDLER(tell_exit) {
  (void)o;
  runner_tell(r);
  return 0;
}

HANDLER(read_byte) {
  char byte;
  long n;
  do n = sys_read(run_fd(r, o->slot), &byte, 1);
  while (n == -EINTR);
  return n < 0 ? n : n == 1 ? 0 : -ECANCELED;
}

HANDLER(send_slot) {
  char byte = 0;
  long n = send_fd(r->sync, &byte, 1, run_fd(r, o->slot));
  return n < 0 ? n : 0;
}

HANDLER(recv_slot) {
  int token = 0, fd;
  long n = recv_fd(r->sync, &token, sizeof token, &fd, 0);
  if (n < 0 && n != -ECONNRESET) return n;
  if (n <= 0) return -ECANCELED;
  if (fd < 0) return -EPROTO;
  return run_open(r, o->into, fd);
}

long unix_socket(const char *path, int type, int mode) {
  struct sockaddr_un address;
  int dir;
  long len = unix_address(&address, path, &dir);
  if (len < 0) return len;
  long fd = above_stdio(sys_socket(AF_UNIX, type | SOCK_CLOEXEC, 0)), ret = fd;
  if (fd >= 0 && mode < 0) {
    do ret = sys_connect((int)fd, &address, (unsigned)len);
    while (ret == -EINTR);
  } else if (fd >= 0) {
    sys_fchmod((int)fd, (unsigned)mode); /* before bind: the name is made with this mode (and the umask) */
    ret = sys_bind((int)fd, &address, (unsigned)len);
    if (ret >= 0) ret = sys_listen((int)fd, 128);
  }
  if (dir >= 0) sys_close(dir);
  if (ret < 0 && fd >= 0) sys_close((int)fd);
  return ret < 0 ? ret : fd;
}

HANDLER(connect_unix) { return run_open(r, o->into, unix_socket(o->path.data, SOCK_STREAM, -1)); }

HANDLER(listen) {
  return run_open(r, o->into, unix_socket(o->path.data, SOCK_STREAM | SOCK_NONBLOCK, (int)o->mode.num));
}

HANDLER(send_state) {
  char pid[16];
  struct text number = {pid, 0, sizeof pid, false};
  put_num(&number, r->pid);
  size_t size = o->parts.len + (size_t)o->parts.count * sizeof pid;
  char *data = sys_mmap(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (sys_is_error(data)) return -ENOMEM;
  struct text t = {data, 0, size, false};
  const char *s = o->parts.data;
  for (uint32_t i = 0; i < o->parts.count; i++, s += strlen(s) + 1) {
    if (i) put(&t, pid, number.len);
    put_str(&t, s);
  }
  long n = send_fd(run_fd(r, o->socket), data, t.len, run_fd(r, o->slot));
  if (n >= 0) n = send_all(run_fd(r, o->socket), data + n, t.len - (size_t)n);
  sys_munmap(data, size);
  return n;
}

HANDLER(send_fd) {
  long n = send_fd(run_fd(r, o->socket), o->data.data, o->data.len, run_fd(r, o->slot));
  return n < 0 ? n : (size_t)n == o->data.len ? 0 : -EIO;
}
