/*
 * The helper runs from a sealed memfd, which nothing can write to: a container that gets hold of /proc/PID/exe of a
 * process on its way in would otherwise overwrite the file that is run next, as root, on the host (CVE-2019-5736).
 */
#include "seal.h"

#define ALL_SEALS 0xf
#define MFD_ALLOW_SEALING 2u
#define MFD_EXEC 0x10u

/* Returns when this program is sealed already; else runs the sealed copy in its place. A negative errno on failure. */
long seal_self(char **argv, char **envp) {
  long exe = sys_openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0);
  if (exe < 0) return exe;
  long seals = sys_fcntl((int)exe, F_GET_SEALS, 0);
  if (seals >= 0 && (seals & F_SEAL_WRITE)) {
    sys_close((int)exe);
    return 0;
  }
  /* MFD_EXEC is new in Linux 6.3 */
  long copy = sys_memfd_create("kobako-helper", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (copy < 0) copy = sys_memfd_create("kobako-helper", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (copy < 0) return copy;
  long n;
  while ((n = sys_sendfile((int)copy, (int)exe, 0, 1 << 20)) > 0) {}
  if (n < 0) return n;
  long ret = sys_fcntl((int)copy, F_ADD_SEALS, ALL_SEALS);
  if (ret < 0) return ret;
  return sys_execveat((int)copy, "", argv, envp, AT_EMPTY_PATH);
}
