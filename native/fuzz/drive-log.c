/*
 * Drives the log writer, built with a C library and the sanitizers:
 *
 *     cc -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -I native native/fuzz/drive-log.c native/log.c
 *     drive-log PATH MAX_SIZE MAX_FILES EXTRA < RECORDS
 *
 * A record: u8 stream, u8 1 where the stream ends, u16 0, u32 length, u64 time, then the bytes that came.
 */
#include "log.h"

void *malloc(size_t size);
void free(void *data);

/* What log.c needs of sys.c, which brings a start and memory functions of its own. */
void put(struct text *t, const char *data, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (t->len < t->cap) t->data[t->len++] = data[i];
    else t->full = true;
}
void put_str(struct text *t, const char *s) { put(t, s, strlen(s)); }
void put_char(struct text *t, char c) { put(t, &c, 1); }
void put_num(struct text *t, int64_t n) {
  if (n > 9) put_num(t, n / 10);
  put_char(t, (char)('0' + n % 10));
}
long write_all(int fd, const char *data, size_t len) {
  while (len) {
    long n = sys_write(fd, data, len);
    if (n < 0) return n;
    data += n, len -= (size_t)n;
  }
  return 0;
}

static bool take(void *to, size_t len) {
  char *at = to;
  while (len) {
    long n = sys_read(0, at, len);
    if (n <= 0) return false;
    at += n, len -= (size_t)n;
  }
  return true;
}

static int64_t number(const char *s) {
  int64_t n = 0;
  while (*s) n = n * 10 + (*s++ - '0');
  return n;
}

int main(int argc, char **argv) {
  static struct log log;
  struct { uint8_t stream, end; uint16_t zero; uint32_t len; uint64_t time; } head;
  if (argc != 5) return 2;
  if (log_open(&log, argv[1], (uint64_t)number(argv[2]), number(argv[3]), argv[4]) < 0) return 1;
  while (take(&head, sizeof head)) {
    char *data = malloc(head.len ? head.len : 1); /* exact: one byte past it is caught */
    if (!take(data, head.len)) return 3;
    if (head.end) log_end(&log, head.stream, head.time);
    else log_add(&log, head.stream, data, head.len, head.time);
    free(data);
  }
  return 0;
}
