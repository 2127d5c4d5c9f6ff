#include "log.h"

/* One buffer serves all: lines are put together here and written in one go. Pages never touched cost nothing. */
_Alignas(4096) static char out[112 << 10];
static size_t out_len;
/* One piece, with each byte as \u00XX, and all that goes around it. */
#define LARGEST (LOG_PIECE * 6 + 4096)

static const char hex[] = "0123456789abcdef";

static void flush(struct log *log) {
  if (!out_len) return;
  /* a full disk must not stop the container; when there is room again, what was cut must not spoil the next line */
  if (log->cut && write_all(log->fd, "\n", 1) == 0) log->cut = false;
  if (log->cut || write_all(log->fd, out, out_len) < 0) log->cut = true;
  out_len = 0;
}

static long open_log(struct log *log, int flags) {
  long fd = sys_openat(AT_FDCWD, log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0640);
  if (fd < 0) return fd;
  if (log->fd >= 0) sys_close(log->fd);
  log->fd = (int)fd;
  return 0;
}

long log_open(struct log *log, const char *path, uint64_t max_size, int64_t max_files, const char *extra) {
  log->fd = -1;
  log->path = path;
  log->max_size = max_size;
  log->max_files = max_files;
  log->extra = extra;
  long ret = open_log(log, 0);
  if (ret < 0) return ret;
  long end = sys_lseek(log->fd, 0, SEEK_END);
  log->size = end > 0 ? (uint64_t)end : 0;
  return 0;
}

/* path.N; N = 0 is path itself */
static const char *numbered(const struct log *log, int64_t n, char *data, size_t cap) {
  struct text t = {data, 0, cap - 1, false};
  put_str(&t, log->path);
  if (n > 0) {
    put_char(&t, '.');
    put_num(&t, n);
  }
  data[t.len] = 0;
  return data;
}

static void rotate(struct log *log) {
  char from[PATH_MAX], to[PATH_MAX];
  long ret = 0;
  flush(log);
  for (int64_t n = log->max_files - 1; n > 0; n--)
    ret = sys_renameat(AT_FDCWD, numbered(log, n - 1, from, sizeof from), AT_FDCWD, numbered(log, n, to, sizeof to));
  /* where that failed the file goes on as it is: it is tried again after as much more, not at each line */
  log->size = 0;
  if (ret == 0 && open_log(log, O_TRUNC) == 0) log->cut = false;
}

/* The length of the UTF-8 sequence at the start of data; 0 where there is none. Overlong forms and surrogates are none. */
static size_t sequence(const unsigned char *s, size_t len) {
  unsigned char b = s[0], low = 0x80, high = 0xbf;
  size_t need;
  if (b >= 0xc2 && b <= 0xdf) need = 2;
  else if (b >= 0xe0 && b <= 0xef) need = 3;
  else if (b >= 0xf0 && b <= 0xf4) need = 4;
  else return 0;
  if (b == 0xe0) low = 0xa0;
  if (b == 0xed) high = 0x9f;
  if (b == 0xf0) low = 0x90;
  if (b == 0xf4) high = 0x8f;
  if (len < need || s[1] < low || s[1] > high) return 0;
  for (size_t i = 2; i < need; i++)
    if (s[i] < 0x80 || s[i] > 0xbf) return 0;
  return need;
}

static bool plain(unsigned char b) {
  return b >= 0x20 && b < 0x80 && b != '\\' && b != '"' && b != '<' && b != '>' && b != '&';
}

static char *escape(char *o, const unsigned char *s, size_t len) {
  for (size_t i = 0; i < len;) {
    size_t run = i;
    while (run < len && plain(s[run])) run++;
    if (run > i) {
      memcpy(o, s + i, run - i);
      o += run - i;
      i = run;
      continue;
    }
    unsigned char b = s[i];
    size_t n = b < 0x80 ? 1 : sequence(s + i, len - i);
    if (b == '\\' || b == '"') *o++ = '\\', *o++ = (char)b;
    else if (b == '\n') *o++ = '\\', *o++ = 'n';
    else if (b == '\r') *o++ = '\\', *o++ = 'r';
    else if (b < 0x80) {
      memcpy(o, "\\u00", 4);
      o[4] = hex[b >> 4];
      o[5] = hex[b & 15];
      o += 6;
    } else if (n == 0) {
      memcpy(o, "\\ufffd", 6);
      o += 6;
      n = 1;
    } else if (n == 3 && b == 0xe2 && s[i + 1] == 0x80 && (s[i + 2] == 0xa8 || s[i + 2] == 0xa9)) {
      memcpy(o, "\\u202", 5);
      o[5] = hex[s[i + 2] & 15];
      o += 6;
    } else {
      memcpy(o, s + i, n);
      o += n;
    }
    i += n;
  }
  return o;
}

static char *digits(char *o, uint64_t value, int count) {
  for (int i = count - 1; i >= 0; i--, value /= 10) o[i] = (char)('0' + value % 10);
  return o + count;
}

/* RFC 3339 in UTC, nanoseconds without trailing zeros, as Go's RFC3339Nano. The same for a whole batch: kept. */
static char *put_time(char *o, uint64_t now) {
  static uint64_t last = ~(uint64_t)0;
  static char kept[40];
  static size_t kept_len;
  if (now != last) {
    uint64_t seconds = now / 1000000000u, fraction = now % 1000000000u;
    /* days to a date, counting years from March (the leap day is then the last) */
    int64_t z = (int64_t)(seconds / 86400) + 719468, era = z / 146097, day = z % 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t of_year = day - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    char *t = digits(kept, (uint64_t)(year + era * 400 + (month >= 10)), 4);
    *t++ = '-';
    t = digits(t, (uint64_t)(month < 10 ? month + 3 : month - 9), 2);
    *t++ = '-';
    t = digits(t, (uint64_t)(of_year - (153 * month + 2) / 5 + 1), 2);
    *t++ = 'T';
    t = digits(t, seconds / 3600 % 24, 2);
    *t++ = ':';
    t = digits(t, seconds / 60 % 60, 2);
    *t++ = ':';
    t = digits(t, seconds % 60, 2);
    if (fraction) {
      *t++ = '.';
      t = digits(t, fraction, 9);
      while (t[-1] == '0') t--;
    }
    *t++ = 'Z';
    kept_len = (size_t)(t - kept);
    last = now;
  }
  memcpy(o, kept, kept_len);
  return o + kept_len;
}

static void entry(struct log *log, int stream, const char *data, size_t len, bool newline, uint64_t now) {
  if (log->max_size && log->size >= log->max_size) rotate(log);
  size_t extra = strlen(log->extra);
  if (out_len + len * 6 + 256 + extra > sizeof out) flush(log);
  if (LARGEST + extra > sizeof out) extra = 0;
  char *start = out + out_len, *o = start;
  memcpy(o, "{\"log\":\"", 8);
  o = escape(o + 8, (const unsigned char *)data, len);
  if (newline) *o++ = '\\', *o++ = 'n';
  memcpy(o, stream ? "\",\"stream\":\"stderr\"" : "\",\"stream\":\"stdout\"", 19);
  o += 19;
  memcpy(o, log->extra, extra);
  o += extra;
  memcpy(o, ",\"time\":\"", 9);
  o = put_time(o + 9, now);
  memcpy(o, "\"}\n", 3);
  o += 3;
  log->size += (uint64_t)(o - start);
  out_len = (size_t)(o - out);
}

void log_idle(void) { sys_madvise_dontneed(out, sizeof out); }

void log_add(struct log *log, int stream, const char *data, size_t len, uint64_t now) {
  if (log->fd < 0) return;
  while (len) {
    uint32_t have = log->streams[stream].len;
    const char *end = memchr(data, '\n', len);
    size_t part = end ? (size_t)(end - data) : len;
    bool whole = end != NULL;
    if (have + part >= LOG_PIECE) {
      part = LOG_PIECE - have;
      whole = false;
    }
    const char *line = data;
    if (have || !whole) {
      memcpy(log->streams[stream].line + have, data, part);
      line = log->streams[stream].line;
    }
    data += part + whole;
    len -= part + whole;
    if (!whole && have + part < LOG_PIECE) {
      log->streams[stream].len = have + (uint32_t)part;
      break;
    }
    /* the pieces of one line have one time */
    if (!log->streams[stream].split) log->streams[stream].since = now;
    entry(log, stream, line, have + part, whole, log->streams[stream].since);
    log->streams[stream].split = !whole;
    log->streams[stream].len = 0;
  }
  flush(log);
}

void log_end(struct log *log, int stream, uint64_t now) {
  if (log->fd < 0 || !log->streams[stream].len) return;
  if (log->streams[stream].split) now = log->streams[stream].since;
  entry(log, stream, log->streams[stream].line, log->streams[stream].len, false, now);
  log->streams[stream].len = 0;
  flush(log);
}
