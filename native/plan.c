#include "plan.h"

void *memcpy(void *to, const void *from, size_t len);
int memcmp(const void *a, const void *b, size_t len);
void *memchr(const void *data, int byte, size_t len);

static const char magic[8] = "KOBAKO1";

static uint16_t u16_at(const unsigned char *p) {
  uint16_t n;
  memcpy(&n, p, sizeof n);
  return n;
}
static uint32_t u32_at(const unsigned char *p) {
  uint32_t n;
  memcpy(&n, p, sizeof n);
  return n;
}
static int64_t i64_at(const unsigned char *p) {
  int64_t n;
  memcpy(&n, p, sizeof n);
  return n;
}

uint32_t plan_size(const void *bytes, size_t len) {
  if (len < PLAN_HEADER || memcmp(bytes, magic, sizeof magic) != 0) return 0;
  uint32_t size = u32_at((const unsigned char *)bytes + 8);
  return size >= PLAN_HEADER && size <= PLAN_MAX && size % 8 == 0 ? size : 0;
}

/* Takes a field of a checked plan, and returns where the next one begins. */
static const unsigned char *take(const unsigned char *p, char kind, union val *v) {
  switch (kind) {
    case 'z':
    case 'b':
    case 'u':
      *v = (union val){.data = (const char *)p + 4, .len = u32_at(p)};
      return p + (((size_t)v->len + 5 + 7) & ~(size_t)7);
    case 'v':
      *v = (union val){.data = (const char *)p + 8, .len = u32_at(p + 4), .count = u32_at(p)};
      return p + (((size_t)v->len + 8 + 7) & ~(size_t)7);
    default:
      *v = (union val){.num = i64_at(p)};
      return p + 8;
  }
}

uint32_t plan_op(const struct plan *plan, uint32_t at, struct op *op) {
  const unsigned char *p = plan->bytes + at;
  op->code = u16_at(p);
  op->side = p[2];
  op->ignore[0] = u16_at(p + 8);
  op->ignore[1] = u16_at(p + 10);
  const char *kinds = op_defs[op->code].fields;
  const unsigned char *field = p + OP_HEAD;
  for (int i = 0; kinds[i]; i++) field = take(field, kinds[i], &op->fields[i]);
  return at + u32_at(p + 4);
}

/* ---- the check ---- */

static const char *check_zeros(const unsigned char *p, const unsigned char *end) {
  while (p < end)
    if (*p++ != 0) return "padding is not zero";
  return NULL;
}

/* One field in [p, end): its bytes alone. *next: where the following one begins. */
static const char *check_field(const unsigned char *p, const unsigned char *end, char kind, const unsigned char **next) {
  size_t room = (size_t)(end - p), head = kind == 'v' ? 8 : 4;
  const char *error;
  if (room < 8) return "a field is cut off";
  if (kind == 'i' || kind == 'n' || kind == 's' || kind == 'o') {
    int64_t n = i64_at(p);
    *next = p + 8;
    if (kind == 'i' || (kind == 'o' && n == SLOT_ABSENT)) return NULL;
    return n >= 0 && n < MAX_SLOTS ? NULL : "a slot number is out of range";
  }
  uint32_t len = u32_at(p + head - 4);
  size_t used = kind == 'v' ? (size_t)len + 8 : (size_t)len + 5;
  size_t padded = (used + 7) & ~(size_t)7;
  if (padded > room) return "a field is cut off";
  *next = p + padded;
  if ((error = check_zeros(p + used, *next))) return error;
  if (kind != 'v') {
    if (p[4 + len] != 0) return "a NUL is missing";
    if (kind == 'z' && memchr(p + 4, 0, len)) return "a string has a NUL inside";
    return NULL;
  }
  uint32_t strings = 0;
  for (uint32_t i = 0; i < len; i++) strings += p[8 + i] == 0;
  if (strings != u32_at(p) || (len > 0 && p[8 + len - 1] != 0)) return "a list has another number of strings than it tells";
  return strings > 65536 ? "a list has more than 65536 strings" : NULL;
}

static bool within(union val v, int64_t least, int64_t most) { return v.num >= least && v.num <= most; }
static bool is_mode(union val v) { return within(v, 0, 07777); }
static bool is_id(union val v) { return within(v, 0, 0xfffffffell); }
static bool is_id_or_same(union val v) { return within(v, -1, 0xfffffffell); }
static bool is_u32(union val v) { return within(v, 0, 0xffffffffll); }
static bool is_name(union val v) { return v.len > 0 && !memchr(v.data, '/', v.len) && v.data[0] != '.'; }

/* CLONE_NEW… of all eight namespaces, as numbers: this part does not use the kernel's headers. */
#define NAMESPACES 0x7e020080ll
#define UNSHARE_MORE 0x00040600ll /* CLONE_FS, CLONE_FILES, CLONE_SYSVSEM */
static bool only(union val v, int64_t bits) { return (v.num & ~bits) == 0; }

/* Numbers and sizes that a handler would cut off, or that would do something else than the operation says. */
static const char *check_values(int code, const union val *f) {
  bool ok = true;
  switch (code) {
    case OP_OPEN: ok = is_mode(f[4]); break;
    case OP_MKDIR: ok = is_mode(f[2]); break;
    case OP_RMDIR: ok = within(f[2], 0, 60000); break;
    case OP_MKNOD: ok = within(f[2], 0, 0177777) && is_u32(f[3]); break;
    case OP_CHOWN: ok = is_id_or_same(f[2]) && is_id_or_same(f[3]); break;
    case OP_UMASK: ok = within(f[0], 0, 0777); break;
    case OP_ENSURE_DIR:
    case OP_ENSURE_FILE: ok = is_mode(f[3]); break;
    case OP_FSMOUNT: ok = is_u32(f[2]); break;
    case OP_OPEN_TREE: ok = is_u32(f[3]); break;
    case OP_MOUNT_SETATTR: ok = within(f[4], 0, 1); break;
    case OP_PROPAGATION:
    case OP_UMOUNT: ok = is_u32(f[1]); break;
    case OP_UNSHARE: ok = only(f[0], NAMESPACES | UNSHARE_MORE); break;
    case OP_SETNS: ok = only(f[1], NAMESPACES); break;
    case OP_PIDFD_OPEN: ok = within(f[1], 1, 0x7fffffff); break;
    case OP_CLONE: ok = only(f[0], NAMESPACES); break;
    case OP_ID_MAP: ok = is_name(f[0]); break;
    case OP_CGROUP_ATTACH: ok = is_name(f[1]); break;
    case OP_POST:
    case OP_WAIT: ok = within(f[0], 1, 0x7fff); break;
    case OP_LINK_UP: ok = f[0].len > 0 && f[0].len < 16; break;
    case OP_HOOK: ok = within(f[3], 0, 86400000); break;
    case OP_SETHOSTNAME:
    case OP_SETDOMAINNAME: ok = f[0].len <= 64; break;
    case OP_PTY_OPEN: ok = within(f[4], 0, 65535) && within(f[5], 0, 65535) && is_id_or_same(f[6]); break;
    case OP_CLOSE_FDS: ok = within(f[0], 3, 0x7fffffff); break;
    case OP_RLIMIT: ok = within(f[0], 0, 15); break;
    case OP_SCHEDULER: ok = within(f[0], 0, 255) && within(f[2], -20, 19) && within(f[3], 0, 99); break;
    case OP_AFFINITY: ok = f[0].len > 0 && f[0].len <= 8192; break;
    case OP_IOPRIO: ok = within(f[0], 0, 0xffff); break;
    case OP_PERSONALITY: ok = is_u32(f[0]); break;
    case OP_GROUPS: ok = f[0].len % 4 == 0 && f[0].len <= 4 * 65536; break;
    case OP_USER: ok = is_id(f[0]) && is_id(f[1]); break;
    case OP_SECCOMP: ok = f[0].len % 8 == 0 && f[0].len > 0 && f[0].len <= 8 * 65535 && is_u32(f[1]); break;
    case OP_DEATH_SIGNAL: ok = within(f[0], 0, 64); break;
    case OP_DUMPABLE: ok = within(f[0], 0, 1); break;
    case OP_CWD: ok = f[0].len > 0 && f[0].data[0] == '/' && is_mode(f[1]); break;
    case OP_EXEC: ok = f[0].count > 0; break;
    case OP_SEND_STATE: ok = f[2].count > 0; break;
    case OP_LISTEN: ok = within(f[2], 0, 0777); break;
    case OP_MONITOR: ok = within(f[6], 0, INT64_MAX) && within(f[7], 0, 0xffff) && within(f[11], 0, 63); break;
    case OP_CHECK_PROCESS: ok = within(f[0], 1, 0x7fffffff); break;
    case OP_TREE_OF: ok = is_u32(f[3]); break;
    case OP_COPY_UP: ok = within(f[3], 0, 1); break;
    default: break;
  }
  return ok ? NULL : "a value is out of range";
}

/* What the check knows of the plan so far. */
struct walk {
  bool clone, exec, monitor, cleanup;
  int reports;
  bool open[2][MAX_SLOTS]; /* of the monitor (and of cleanup after it), of the container's process */
};

/* The order of the operations, and who may run them. */
static const char *check_order(struct walk *w, int code, int side) {
  if (side == SIDE_CONTAINER) {
    if (!w->clone) return "a container operation comes before clone";
    if (w->exec) return "a container operation comes after exec";
  }
  if (side == SIDE_CLEANUP) w->cleanup = true;
  else if (w->cleanup) return "it comes after a cleanup operation";
  if (side == SIDE_MONITOR && w->monitor) return "a monitor operation comes after monitor";
  switch (code) {
    case OP_CLONE:
      if (side != SIDE_MONITOR) return "only the monitor can clone";
      if (w->clone) return "a second clone";
      w->clone = true;
      for (int i = 0; i < MAX_SLOTS; i++) w->open[1][i] = w->open[0][i];
      return NULL;
    case OP_MONITOR:
      if (side != SIDE_MONITOR || !w->clone) return "it must be on the monitor side, after clone";
      w->monitor = true;
      return NULL;
    case OP_EXEC:
      if (side != SIDE_CONTAINER) return "it must be on the container side";
      w->exec = true;
      return NULL;
    case OP_ID_MAP:
    case OP_CGROUP_ATTACH:
    case OP_SECCOMP_LISTENER:
    case OP_SEND_STATE:
    case OP_HOLD_MOUNTS:
      return side == SIDE_MONITOR && w->clone ? NULL : "it must be on the monitor side, after clone";
    case OP_HOST_SYNC:
    case OP_LISTEN:
      return side == SIDE_MONITOR ? NULL : "it must be on the monitor side";
    case OP_POST:
    case OP_WAIT:
    case OP_SEND_SLOT:
    case OP_RECV_SLOT:
      return side != SIDE_CLEANUP && w->clone ? NULL : "there is no other process";
    case OP_TELL_EXIT:
      return side == SIDE_CLEANUP ? NULL : "it must be a cleanup operation";
    case OP_REPORT:
      if (side != SIDE_CLEANUP) return "it must be a cleanup operation";
      return ++w->reports <= PLAN_MAX_REPORTS ? NULL : "too many reports";
    default:
      return NULL;
  }
}

static const char *check_slots(struct walk *w, const char *kinds, const union val *f, int code, int side) {
  bool *open = w->open[side == SIDE_CONTAINER];
  for (int i = 0; kinds[i]; i++) {
    if (kinds[i] != 's' && !(kinds[i] == 'o' && f[i].num != SLOT_ABSENT)) continue;
    if (!open[f[i].num]) return "a slot is used before it is opened";
    if (code == OP_CLOSE) open[f[i].num] = false;
  }
  for (int i = 0; kinds[i]; i++) {
    if (kinds[i] != 'n') continue;
    for (int j = 0; j < i; j++)
      if (kinds[j] == 'n' && f[j].num == f[i].num) return "one slot is opened twice";
    open[f[i].num] = true;
  }
  return NULL;
}

static const char *check_op(struct walk *w, const unsigned char *p, size_t room, uint32_t *size) {
  union val f[MAX_FIELDS];
  const char *error;
  if (room < OP_HEAD) return "it is cut off";
  int code = u16_at(p), side = p[2];
  *size = u32_at(p + 4);
  if (code >= OP_COUNT) return "its code is unknown";
  if (side > SIDE_CLEANUP) return "its side is unknown";
  if (*size < OP_HEAD || *size > room || *size % 8 != 0) return "its size is wrong";
  if (p[3] != 0 || u32_at(p + 12) != 0) return "padding is not zero";
  if (u16_at(p + 8) > 4095 || u16_at(p + 10) > 4095) return "an errno is out of range";
  if ((code == OP_CLONE || code == OP_EXEC || code == OP_MONITOR) && (u16_at(p + 8) || u16_at(p + 10)))
    return "its failure cannot be ignored";
  const unsigned char *at = p + OP_HEAD, *end = p + *size;
  const char *kinds = op_defs[code].fields;
  for (int i = 0; kinds[i]; i++) {
    const unsigned char *next;
    if ((error = check_field(at, end, kinds[i], &next))) return error;
    take(at, kinds[i], &f[i]);
    at = next;
  }
  if (at != end) return "it has more fields than it should";
  if ((error = check_values(code, f)) || (error = check_order(w, code, side))) return error;
  return check_slots(w, kinds, f, code, side);
}

const char *plan_check(struct plan *plan, const void *bytes, size_t size, int *index) {
  const unsigned char *p = bytes;
  struct walk w = {0};
  *index = -1;
  if (plan_size(bytes, size) == 0) return "it is no plan";
  if (plan_size(bytes, size) != size) return "it has another size than it tells";
  if (u32_at(p + 16) != PLAN_SCHEMA) return "it was made by another build than this helper";
  uint32_t more = u32_at(p + 20);
  if (more > 1) return "padding is not zero";
  uint32_t ops = u32_at(p + 12);
  size_t at = PLAN_HEADER;
  for (uint32_t i = 0; i < ops; i++) {
    uint32_t used;
    const char *error = check_op(&w, p + at, size - at, &used);
    if (error) {
      *index = (int)i;
      return error;
    }
    if (more && (p[at + 2] == SIDE_CONTAINER || w.clone || w.monitor)) {
      *index = (int)i;
      return "a plan of which more follows has no other process and no monitor";
    }
    at += used;
  }
  if (at != size) return "it has more bytes than operations";
  if (w.clone && !w.exec) return "it has a clone, but no exec";
  *plan = (struct plan){p, (uint32_t)size, ops, w.clone, w.monitor, more == 1};
  return NULL;
}
