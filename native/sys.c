/* The process's entry, and the few functions of a C library that the helper needs. */
#include "sys.h"

int main(int argc, char **argv, char **envp);

#if defined(__x86_64__)
__asm__(".text\n.globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call sys_start\n  hlt\n");
#else
__asm__(".text\n.globl _start\n_start:\n  mov x29, #0\n  mov x30, #0\n  mov x0, sp\n  bl sys_start\n  brk #0\n");
#endif

__attribute__((used, noreturn)) void sys_start(long *stack) {
  int argc = (int)stack[0];
  char **argv = (char **)(stack + 1);
  sys_exit(main(argc, argv, argv + argc + 1));
}

/* GCC calls the four mem functions by itself; built with -fno-tree-loop-distribute-patterns they do not call themselves. */
void *memcpy(void *to, const void *from, size_t len) {
#if defined(__x86_64__)
  void *ret = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
  return ret;
#else
  char *d = to;
  const char *s = from;
  for (; len >= 8; len -= 8, d += 8, s += 8) {
    uint64_t word;
    __builtin_memcpy(&word, s, 8); /* one load and one store: aarch64 allows any address */
    __builtin_memcpy(d, &word, 8);
  }
  while (len--) *d++ = *s++;
  return to;
#endif
}

void *memmove(void *to, const void *from, size_t len) {
  char *d = to;
  const char *s = from;
  if ((uintptr_t)d - (uintptr_t)s >= len) return memcpy(to, from, len);
  while (len--) d[len] = s[len];
  return to;
}

void *memset(void *to, int byte, size_t len) {
#if defined(__x86_64__)
  void *ret = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(byte) : "memory");
  return ret;
#else
  char *d = to;
  while (len--) *d++ = (char)byte;
  return to;
#endif
}

int memcmp(const void *a, const void *b, size_t len) {
  const unsigned char *x = a, *y = b;
  for (; len--; x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}

void *memchr(const void *data, int byte, size_t len) {
  const unsigned char *s = data;
  uint64_t want = 0x0101010101010101u * (unsigned char)byte;
  for (; len >= 8; len -= 8, s += 8) {
    uint64_t word;
    __builtin_memcpy(&word, s, 8);
    word ^= want;
    if ((word - 0x0101010101010101u) & ~word & 0x8080808080808080u) break;
  }
  for (; len--; s++)
    if (*s == (unsigned char)byte) return (void *)(uintptr_t)s;
  return NULL;
}

size_t strlen(const char *s) {
  size_t len = 0;
  while (s[len]) len++;
  return len;
}

int strcmp(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (unsigned char)*a - (unsigned char)*b;
}

void put(struct text *t, const char *data, size_t len) {
  if (len > t->cap - t->len) {
    len = t->cap - t->len;
    t->full = true;
  }
  memcpy(t->data + t->len, data, len);
  t->len += len;
}

void put_str(struct text *t, const char *s) { put(t, s, strlen(s)); }

void put_char(struct text *t, char c) { put(t, &c, 1); }

void put_num(struct text *t, int64_t n) {
  char digits[20];
  size_t at = sizeof digits;
  uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  do digits[--at] = (char)('0' + rest % 10);
  while (rest /= 10);
  if (n < 0) put_char(t, '-');
  put(t, digits + at, sizeof digits - at);
}

void put_json(struct text *t, const char *data, size_t len) {
  static const char hex[] = "0123456789abcdef";
  put_char(t, '"');
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)data[i];
    if (c == '"' || c == '\\') {
      put_char(t, '\\');
      put_char(t, (char)c);
    } else if (c == '\n') {
      put(t, "\\n", 2);
    } else if (c < 0x20 || c == 0x7f) {
      put(t, "\\u00", 4);
      put_char(t, hex[c >> 4]);
      put_char(t, hex[c & 15]);
    } else {
      put_char(t, (char)c);
    }
  }
  put_char(t, '"');
}

int64_t parse_num(const char *data, size_t len, size_t *used) {
  int64_t n = 0;
  size_t i = 0;
  for (; i < len && data[i] >= '0' && data[i] <= '9'; i++) {
    n = n * 10 + (data[i] - '0');
    if (n > INT32_MAX) return -1;
  }
  if (used) *used = i;
  return i ? n : -1;
}

long write_all(int fd, const char *data, size_t len) {
  while (len) {
    long n = sys_write(fd, data, len);
    if (n == -EINTR) continue;
    if (n < 0) return n;
    data += n, len -= (size_t)n;
  }
  return 0;
}

#define SEND_MS 5000

long send_all(int fd, const char *data, size_t len) {
  while (len) {
    long n = sys_send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n == -EINTR) continue;
    if (n == -EAGAIN) {
      struct pollfd p = {fd, POLLOUT, 0};
      if (sys_poll(&p, 1, SEND_MS) == 0) return -ETIMEDOUT;
      continue;
    }
    if (n < 0) return n;
    data += n, len -= (size_t)n;
  }
  return 0;
}

long send_fd(int socket, const void *data, size_t len, int fd) {
  struct iovec part = {(void *)(uintptr_t)data, len};
  struct fd_control control = {FD_CONTROL_LEN, SOL_SOCKET, SCM_RIGHTS, fd, 0};
  struct socket_message m = {NULL, 0, &part, 1, NULL, 0, 0};
  if (fd >= 0) m.control = &control, m.control_len = sizeof control;
  long n;
  do n = sys_sendmsg(socket, &m, MSG_NOSIGNAL);
  while (n == -EINTR);
  return n;
}

long recv_fd(int socket, void *data, size_t len, int *fd, int flags) {
  struct iovec part = {data, len};
  struct fd_control control = {0, 0, 0, -1, 0};
  struct socket_message m = {NULL, 0, &part, 1, &control, sizeof control, 0};
  long n;
  *fd = -1;
  do n = sys_recvmsg(socket, &m, flags | MSG_CMSG_CLOEXEC);
  while (n == -EINTR);
  if (n >= 0 && m.control_len >= FD_CONTROL_LEN && control.level == SOL_SOCKET && control.type == SCM_RIGHTS)
    *fd = control.fd;
  return n;
}

long unix_address(struct sockaddr_un *address, const char *path, int *dir) {
  size_t len = strlen(path), base = len;
  *dir = -1;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (len == 0) return -ENOENT;
  if (len < sizeof address->sun_path) {
    memcpy(address->sun_path, path, len);
    return (long)(offsetof(struct sockaddr_un, sun_path) + len + 1);
  }
  char folder[PATH_MAX];
  while (base > 0 && path[base - 1] != '/') base--;
  if (base >= sizeof folder) return -ENAMETOOLONG;
  memcpy(folder, path, base);
  folder[base] = 0;
  struct text t = {address->sun_path, 0, sizeof address->sun_path - 1, false};
  long fd = sys_openat(AT_FDCWD, base ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  put_str(&t, "/proc/self/fd/");
  put_num(&t, fd);
  put_char(&t, '/');
  put_str(&t, path + base);
  if (t.full) {
    sys_close((int)fd);
    return -ENAMETOOLONG;
  }
  *dir = (int)fd;
  return (long)(offsetof(struct sockaddr_un, sun_path) + t.len + 1);
}
