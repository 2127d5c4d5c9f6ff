/*
 * What bench/networks.ts runs on both sides of a network. Static; in the image and on this machine.
 *
 *   net serve                  listens on 7001 (reads all, answers with the count) and 7002 (a byte, then the end)
 *   net send HOST MS           to 7001 of HOST, or HOST:PORT, for MS milliseconds: prints bits per second
 *   net connect HOST COUNT     to 7002, one after the other: prints connections per second
 *   net dns NAME COUNT         asks 127.0.0.11: prints the median and the 99th percentile, microseconds
 *   net resolve PREFIX COUNT   asks for PREFIX0, PREFIX1 ...: prints how many have no address
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct sockaddr_in address(const char *text, int port) {
  char host[64];
  snprintf(host, sizeof host, "%s", text);
  char *colon = strchr(host, ':');
  if (colon != NULL) {
    port = atoi(colon + 1);
    *colon = 0;
  }
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &to.sin_addr) != 1) fail("address");
  return to;
}

static int connected(const char *text, int port) {
  struct sockaddr_in to = address(text, port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) fail("connect");
  return fd;
}

static char buffer[1 << 18];

static void serve(int port, int counts) {
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 1024) != 0) fail("listen");
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) continue;
    if (counts) {
      uint64_t total = 0;
      ssize_t got;
      while ((got = read(fd, buffer, sizeof buffer)) > 0) total += (uint64_t)got;
      (void)!write(fd, &total, sizeof total);
    } else {
      (void)!write(fd, "x", 1);
    }
    close(fd);
  }
}

static void send_for(const char *host, double ms) {
  int fd = connected(host, 7001);
  double began = seconds(), end = began + ms / 1e3;
  while (seconds() < end)
    if (write(fd, buffer, sizeof buffer) < 0) fail("write");
  shutdown(fd, SHUT_WR);
  uint64_t total = 0;
  if (read(fd, &total, sizeof total) != sizeof total) fail("read");
  printf("%.0f\n", (double)total * 8 / (seconds() - began));
}

static void connect_all(const char *host, int count) {
  double began = seconds();
  for (int i = 0; i < count; i++) {
    int fd = connected(host, 7002);
    char byte;
    if (read(fd, &byte, 1) != 1) fail("read");
    close(fd);
  }
  printf("%.0f\n", count / (seconds() - began));
}

/* Whether the name has an address; -1 when no answer came. */
static int ask(int fd, uint16_t id, const char *name) {
  unsigned char packet[512] = {(unsigned char)(id >> 8), (unsigned char)id, 1, 0, 0, 1};
  size_t at = 12;
  for (const char *label = name; *label != 0;) {
    size_t length = strcspn(label, ".");
    packet[at++] = (unsigned char)length;
    memcpy(packet + at, label, length);
    at += length;
    label += length + (label[length] == '.');
  }
  memcpy(packet + at, "\0\0\1\0\1", 5);
  at += 5;
  if (send(fd, packet, at, 0) < 0) return -1;
  for (;;) {
    ssize_t got = recv(fd, packet, sizeof packet, 0);
    if (got < 12) return -1;
    if (packet[0] != (unsigned char)(id >> 8) || packet[1] != (unsigned char)id) continue;
    return (packet[3] & 15) == 0 && (packet[6] | packet[7]) != 0;
  }
}

static int resolver(void) {
  struct sockaddr_in to = address("127.0.0.11:53", 53);
  struct timeval limit = {.tv_sec = 2};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) fail("connect");
  return fd;
}

static int by_size(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static void dns(const char *name, int count) {
  int fd = resolver();
  double *all = calloc((size_t)count, sizeof *all);
  for (int i = -100; i < count; i++) {
    double began = seconds();
    if (ask(fd, (uint16_t)(i + 100), name) != 1) fail(name);
    if (i >= 0) all[i] = (seconds() - began) * 1e6;
  }
  qsort(all, (size_t)count, sizeof *all, by_size);
  printf("%.1f %.1f\n", all[count / 2], all[count * 99 / 100]);
}

static void resolve(const char *prefix, int count) {
  int fd = resolver(), missing = 0;
  for (int i = 0; i < count; i++) {
    char name[128];
    snprintf(name, sizeof name, "%s%d", prefix, i);
    int found = -1;
    for (int tries = 0; found == -1 && tries < 3; tries++) found = ask(fd, (uint16_t)(i * 3 + tries), name);
    missing += found != 1;
  }
  printf("%d\n", missing);
}

int main(int count, char **words) {
  signal(SIGPIPE, SIG_IGN);
  const char *what = count > 1 ? words[1] : "";
  if (strcmp(what, "serve") == 0) {
    if (fork() == 0) serve(7001, 1);
    serve(7002, 0);
  }
  if (count != 4) return 2;
  if (strcmp(what, "send") == 0) send_for(words[2], atof(words[3]));
  else if (strcmp(what, "connect") == 0) connect_all(words[2], atoi(words[3]));
  else if (strcmp(what, "dns") == 0) dns(words[2], atoi(words[3]));
  else if (strcmp(what, "resolve") == 0) resolve(words[2], atoi(words[3]));
  else return 2;
  return 0;
}
