/*
 * hunt-fds NAME: what an attacker in a container does of CVE-2016-9962. Looks for processes whose program is called NAME
 * and tries to read the names of what they have open. Tells in /seen, /read.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void tell(const char *path, const char *what) {
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd >= 0 && write(fd, what, strlen(what)) >= 0) close(fd);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  for (;;) {
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && (e = readdir(proc));) {
      char path[300], name[64] = "", target[512];
      if (e->d_name[0] < '0' || e->d_name[0] > '9') continue;
      snprintf(path, sizeof path, "/proc/%s/comm", e->d_name);
      int fd = open(path, O_RDONLY);
      if (fd < 0) continue;
      if (read(fd, name, sizeof name - 1) < 0) name[0] = 0;
      close(fd);
      if (!strstr(name, argv[1])) continue;
      tell("/seen", name);
      /* 0 to 2 are the program's own, and show in the moment of exec in which it has not yet its name */
      for (int n = 3; n < 64; n++) {
        snprintf(path, sizeof path, "/proc/%s/fd/%d", e->d_name, n);
        ssize_t len = readlink(path, target, sizeof target - 2);
        if (len <= 0) continue;
        target[len] = '\n', target[len + 1] = 0;
        tell("/read", target);
      }
    }
    if (proc) closedir(proc);
  }
}
