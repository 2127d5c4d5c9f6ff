/* The v2 device controller: a program on a cgroup. */
#include "ops.h"

#include <linux/bpf.h>

#define LOG_SIZE 4096

HANDLER(bpf_devices) {
  static const char license[] = "Apache-2.0";
  static char log[LOG_SIZE];
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = (uint64_t)(uintptr_t)o->program.data;
  attr.insn_cnt = (uint32_t)(o->program.len / 8);
  attr.license = (uint64_t)(uintptr_t)license;
  long program = sys_bpf(BPF_PROG_LOAD, &attr, sizeof attr);
  if (program < 0) {
    /* again with the verifier's words: they cost a page and time that the usual case does not need */
    attr.log_level = 1;
    attr.log_buf = (uint64_t)(uintptr_t)log;
    attr.log_size = LOG_SIZE;
    long again = sys_bpf(BPF_PROG_LOAD, &attr, sizeof attr);
    if (again < 0) {
      log[LOG_SIZE - 1] = 0;
      if (log[0]) run_detail(r, log, strlen(log));
      return program;
    }
    program = again;
  }
  memset(&attr, 0, sizeof attr);
  attr.target_fd = (uint32_t)run_fd(r, o->cgroup);
  attr.attach_bpf_fd = (uint32_t)program;
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  long ret = sys_bpf(BPF_PROG_ATTACH, &attr, sizeof attr);
  sys_close((int)program); /* the cgroup holds it */
  return ret;
}
