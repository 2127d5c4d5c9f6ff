/* The container's log, in Docker's json-file format. */
#ifndef KOBAKO_LOG_H
#define KOBAKO_LOG_H

#include "sys.h"

#define LOG_PIECE 16384u /* a longer line is split, as Docker's copier does */

struct log {
  int fd; /* -1: there is no log */
  const char *path;
  uint64_t max_size; /* 0: it grows for ever */
  int64_t max_files;
  const char *extra; /* text between the stream and the time */
  uint64_t size;
  bool cut; /* a write failed, perhaps in the middle of a line */
  struct {
    uint32_t len;         /* bytes of an unfinished line */
    bool split;           /* pieces of this line have been written */
    uint64_t since;       /* the time of its first piece */
    char line[LOG_PIECE];
  } streams[2]; /* stdout, stderr */
};

/* Opens the log for appending. 0 or a negative errno. */
long log_open(struct log *log, const char *path, uint64_t max_size, int64_t max_files, const char *extra);
/* Adds what a stream (0 stdout, 1 stderr) brought at a time (ns since 1970). */
void log_add(struct log *log, int stream, const char *data, size_t len, uint64_t now);
/* Nothing is written for a while: the memory of the last batch is given back. */
void log_idle(void);
/* The stream has ended: what is left of it is written as it is. */
void log_end(struct log *log, int stream, uint64_t now);

#endif
