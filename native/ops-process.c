/* What a process is: its names, limits, scheduling, identity and privileges. */
#include "ops.h"
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/sockios.h>

HANDLER(sethostname) {
  (void)r;
  return sys_sethostname(o->name.data, o->name.len);
}

HANDLER(setdomainname) {
  (void)r;
  return sys_setdomainname(o->name.data, o->name.len);
}

HANDLER(link_up) {
  struct { /* struct ifreq; linux/if.h may bring in a C library's headers */
    char name[16];
    short flags;
    char rest[22];
  } request = {0};
  (void)r;
  memcpy(request.name, o->name.data, o->name.len); /* at most 15 bytes: checked */
  long fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  long ret = sys_ioctl((int)fd, SIOCGIFFLAGS, &request);
  request.flags |= 1; /* IFF_UP */
  if (ret >= 0) ret = sys_ioctl((int)fd, SIOCSIFFLAGS, &request);
  sys_close((int)fd);
  return ret;
}

HANDLER(setsid) {
  (void)r, (void)o;
  return sys_setsid();
}

HANDLER(rlimit) {
  uint64_t limit[2] = {(uint64_t)o->soft.num, (uint64_t)o->hard.num};
  (void)r;
  return sys_prlimit(0, (int)o->resource.num, limit, NULL);
}

HANDLER(scheduler) {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attr = {48, (uint32_t)o->policy.num, (uint64_t)o->flags.num, (int32_t)o->nice.num, (uint32_t)o->priority.num,
            (uint64_t)o->runtime.num, (uint64_t)o->deadline.num, (uint64_t)o->period.num};
  (void)r;
  return sys_sched_setattr(0, &attr);
}

HANDLER(affinity) {
  (void)r;
  return sys_sched_setaffinity(0, o->mask.len, o->mask.data);
}

HANDLER(ioprio) {
  (void)r;
  return sys_ioprio_set(1, 0, (int)o->value.num);
}

HANDLER(personality) {
  (void)r;
  return sys_personality((unsigned long)o->persona.num);
}

HANDLER(groups) {
  (void)r;
  return sys_setgroups(o->gids.len / 4, (const uint32_t *)(const void *)o->gids.data);
}

HANDLER(user) {
  uint32_t uid = (uint32_t)o->uid.num, gid = (uint32_t)o->gid.num;
  (void)r;
  long ret = sys_setresgid(gid, gid, gid);
  return ret < 0 ? ret : sys_setresuid(uid, uid, uid);
}

HANDLER(keep_caps) {
  (void)r, (void)o;
  return sys_prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
}

HANDLER(cap_bound) {
  (void)r;
  for (int cap = 0; cap < 64; cap++) {
    if ((uint64_t)o->mask.num >> cap & 1) continue;
    long ret = sys_prctl(PR_CAPBSET_DROP, (unsigned long)cap, 0, 0, 0);
    if (ret == -EINVAL && cap > 0) return 0; /* past the last one that this kernel has */
    if (ret < 0) return ret;
  }
  return 0;
}

HANDLER(cap_set) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  (void)r;
  for (int i = 0; i < 2; i++) {
    data[i].effective = (uint32_t)((uint64_t)o->effective.num >> (32 * i));
    data[i].permitted = (uint32_t)((uint64_t)o->permitted.num >> (32 * i));
    data[i].inheritable = (uint32_t)((uint64_t)o->inheritable.num >> (32 * i));
  }
  return sys_capset(&head, data);
}

HANDLER(cap_ambient) {
  (void)r;
  long ret = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int cap = 0; cap < 64 && ret >= 0; cap++)
    if ((uint64_t)o->mask.num >> cap & 1) ret = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (unsigned long)cap, 0, 0);
  return ret;
}

/* All for who possesses it, and the owner may view, read, link and (this is what it lacks when it is made) search it. */
#define KEYRING_PERMISSIONS 0x3f1b0000

HANDLER(session_keyring) {
  (void)r;
  long id = SYS3(keyctl, KEYCTL_JOIN_SESSION_KEYRING, o->name.data, 0);
  return id < 0 ? id : SYS3(keyctl, KEYCTL_SETPERM, id, KEYRING_PERMISSIONS);
}

HANDLER(no_new_privs) {
  (void)r, (void)o;
  return sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

HANDLER(death_signal) {
  (void)r;
  return sys_prctl(PR_SET_PDEATHSIG, (unsigned long)o->signal.num, 0, 0, 0);
}

HANDLER(dumpable) {
  (void)r;
  return sys_prctl(PR_SET_DUMPABLE, (unsigned long)o->value.num, 0, 0, 0);
}

/* Long enough for any monitor that lives: about a minute. */
#define LISTENER_SPINS 2000000000u

HANDLER(seccomp) {
  struct sock_fprog program = {(unsigned short)(o->filter.len / 8), (struct sock_filter *)(uintptr_t)o->filter.data};
  bool listener = o->flags.num & SECCOMP_FILTER_FLAG_NEW_LISTENER;
  if (listener && !r->in_child) return -EINVAL;
  long ret = sys_seccomp(SECCOMP_SET_MODE_FILTER, (unsigned)o->flags.num, &program);
  if (ret < 0 || !listener) return ret < 0 ? ret : 0;
  /* from here a system call may wait for an answer that nobody can give yet: so none, until the monitor has the fd */
  __atomic_store_n(&r->shared->listener, (int32_t)ret + 1, __ATOMIC_RELEASE);
  for (unsigned i = 0; i < LISTENER_SPINS; i++) {
    if (__atomic_load_n(&r->shared->taken, __ATOMIC_ACQUIRE)) return 0;
    sys_pause_cpu();
  }
  return -ETIMEDOUT;
}

HANDLER(seccomp_listener) {
  struct pollfd p = {r->pidfd, POLLIN, 0};
  int32_t listener;
  while ((listener = __atomic_load_n(&r->shared->listener, __ATOMIC_ACQUIRE)) == 0) {
    struct __kernel_timespec pause = {0, 50000};
    if (sys_ppoll(&p, 1, &pause) > 0) return -ECANCELED;
  }
  long ret = run_open(r, o->into, sys_pidfd_getfd(r->pidfd, listener - 1));
  if (ret >= 0) __atomic_store_n(&r->shared->taken, 1, __ATOMIC_RELEASE);
  return ret;
}
