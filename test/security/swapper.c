/* swapper PAUSE A B [C D …]: exchange A and B, C and D … one pair after the other, PAUSE µs apart, until it is killed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  for (;;)
    for (int i = 2; i + 1 < argc; i += 2) {
      renameat2(AT_FDCWD, argv[i], AT_FDCWD, argv[i + 1], RENAME_EXCHANGE);
      usleep((unsigned)atoi(argv[1]) / 2 + (unsigned)rand() % (unsigned)(atoi(argv[1]) + 1));
    }
}
