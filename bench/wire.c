/*
 * wire LISTEN UPSTREAM   between clients and an engine, two Unix sockets: carries bytes both ways and writes down when
 * they pass. A pause is the time of whoever ends it. To a line on its standard input it answers with what has passed
 * since the last one: the engine's time and all of it, in microseconds, and how often the engine answered.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX 256

static struct pollfd polled[2 + MAX];
static int peer[2 + MAX], of_engine[2 + MAX], used = 2;
static char buffer[1 << 20];
static int64_t first = -1, last, engine;
static int turns, last_of_engine;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

static struct sockaddr_un address(const char *path) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
  return at;
}

static void add(int fd, int other, int engines) {
  if (used == 2 + MAX) fail("too many connections");
  polled[used] = (struct pollfd){.fd = fd, .events = POLLIN};
  peer[used] = other;
  of_engine[used++] = engines;
}

static void passed(int engines) {
  int64_t at = now();
  if (first < 0) first = at;
  else if (engines) {
    engine += at - last;
    if (!last_of_engine) turns++;
  }
  last = at;
  last_of_engine = engines;
}

static void carry(int index) {
  ssize_t got = read(polled[index].fd, buffer, sizeof buffer);
  if (got > 0) {
    passed(of_engine[index]);
    for (ssize_t at = 0; at < got;) {
      ssize_t put = write(peer[index], buffer + at, (size_t)(got - at));
      if (put < 0) break;
      at += put;
    }
    return;
  }
  // half of the connection is over; with the other half both sockets are
  shutdown(peer[index], SHUT_WR);
  polled[index].fd = ~polled[index].fd;
  int fd = ~polled[index].fd, both = 0;
  for (int each = 2; each < used; each++) both += polled[each].fd == ~peer[index];
  if (!both) return;
  int other = peer[index];
  for (int each = used - 1; each >= 2; each--) {
    if (polled[each].fd != ~fd && polled[each].fd != ~other) continue;
    polled[each] = polled[--used];
    peer[each] = peer[used];
    of_engine[each] = of_engine[used];
  }
  close(fd);
  close(other);
}

static void answer(void) {
  if (read(0, buffer, sizeof buffer) <= 0) exit(0);
  printf("%lld %lld %d\n", (long long)engine, (long long)(first < 0 ? 0 : last - first), turns);
  fflush(stdout);
  first = -1;
  engine = turns = last_of_engine = 0;
}

int main(int count, char **args) {
  if (count != 3) return 2;
  signal(SIGPIPE, SIG_IGN);
  int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un here = address(args[1]), there = address(args[2]);
  if (bind(listening, (struct sockaddr *)&here, sizeof here) != 0 || listen(listening, 64) != 0) fail(args[1]);
  polled[0] = (struct pollfd){.fd = 0, .events = POLLIN};
  polled[1] = (struct pollfd){.fd = listening, .events = POLLIN};
  for (;;) {
    if (poll(polled, (nfds_t)used, -1) < 0) fail("poll");
    if (polled[0].revents != 0) answer();
    if (polled[1].revents != 0) {
      int client = accept4(listening, NULL, NULL, SOCK_CLOEXEC), engines = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (connect(engines, (struct sockaddr *)&there, sizeof there) != 0) fail(args[2]);
      add(client, engines, 0);
      add(engines, client, 1);
      continue; // what was polled has not asked for these
    }
    for (int index = 2; index < used; index++)
      if (polled[index].fd >= 0 && polled[index].revents != 0) {
        carry(index);
        polled[index].revents = 0;
      }
  }
}
