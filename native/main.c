/* kobako-helper: runs a plan and then watches over its container; or is a container's init. */
#include "monitor.h"
#include "seal.h"
#include "serve.h"

#ifndef KOBAKO_VERSION
#define KOBAKO_VERSION "0"
#endif

static int usage(void) {
  static const char text[] = "usage: kobako-helper run FD | serve FD PATH | init -- CMD ARGS | version\n";
  write_all(2, text, sizeof text - 1);
  return 2;
}

static int version(void) {
  char data[128];
  struct text t = {data, 0, sizeof data, false};
  put_str(&t, "kobako-helper " KOBAKO_VERSION " plan ");
  put_num(&t, PLAN_SCHEMA);
  put_char(&t, '\n');
  return write_all(1, data, t.len) < 0 ? 1 : 0;
}

int main(int argc, char **argv, char **envp) {
  size_t used = 0, slash = 0;
  /* bind-mounted as /sbin/docker-init it may be started under another name, and without the word */
  if (argc >= 1)
    for (size_t i = 0; argv[0][i]; i++)
      if (argv[0][i] == '/') slash = i + 1;
  if (argc >= 1 && strcmp(argv[0] + slash, "docker-init") == 0) return init_main(argc, argv, envp);
  if (argc < 2) return usage();
  if (strcmp(argv[1], "init") == 0) return init_main(argc - 1, argv + 1, envp);
  if (strcmp(argv[1], "version") == 0) return version();
  bool serves = strcmp(argv[1], "serve") == 0;
  if (serves ? argc != 4 : strcmp(argv[1], "run") != 0 || argc != 3) return usage();
  int64_t channel = parse_num(argv[2], strlen(argv[2]), &used);
  if (channel < 3 || argv[2][used] != 0) return usage();
  if (seal_self(argv, envp) < 0) {
    static const char text[] = "kobako-helper: cannot make a sealed copy of itself\n";
    write_all(2, text, sizeof text - 1);
    return 125;
  }
  return serves ? serve_main((int)channel, argv[3]) : run_main((int)channel);
}
