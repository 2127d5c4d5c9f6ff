/*
 * key-probe add NAME PROGRAM ARGS…: a new session keyring with a key NAME in it, then become PROGRAM.
 * key-probe find NAME: "found" or "errno E", and the name of the session keyring.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
  char text[512] = "";
  if (argc < 3) return 2;
  if (strcmp(argv[1], "add") == 0 && argc > 3) {
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0) return perror("join"), 1;
    if (syscall(SYS_add_key, "user", argv[2], "secret", 6, KEY_SPEC_SESSION_KEYRING) < 0) return perror("add_key"), 1;
    execv(argv[3], argv + 3);
    return perror(argv[3]), 1;
  }
  long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", argv[2], 0);
  int error = errno;
  syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text, sizeof text - 1);
  if (key < 0) printf("errno %d %s\n", error, text);
  else printf("found %s\n", text);
  return 0;
}
