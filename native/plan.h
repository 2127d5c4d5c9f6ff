/*
 * An encoded plan: its check and its decoding. src/plan/encode.ts says what the bytes are. This part makes no system
 * call and also builds with a C library, so that it can be fuzzed.
 */
#ifndef KOBAKO_PLAN_H
#define KOBAKO_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A decoded field. str and bytes: data and len (a NUL follows); strs: count strings, each with its NUL, in len bytes;
   u32s: len bytes. int, slots: num; an absent slot is SLOT_ABSENT. */
union val {
  int64_t num;
  struct {
    const char *data;
    uint32_t len, count;
  };
};
#define SLOT_ABSENT (-1)

#include "ops.gen.h"

enum { SIDE_MONITOR, SIDE_CONTAINER, SIDE_CLEANUP };
#define PLAN_MAX (8u << 20)
#define PLAN_HEADER 24
#define PLAN_MAX_REPORTS 16
#define OP_HEAD 16

struct plan {
  const unsigned char *bytes;
  uint32_t size, ops;
  bool has_clone, has_monitor;
  bool more; /* these operations are the first of a plan that follows */
};

/* The total size that the header of a plan tells (len >= PLAN_HEADER), or 0 where it is no header of ours. */
uint32_t plan_size(const void *bytes, size_t len);

/* Checks every byte and the order of the operations. NULL: sound, and *plan is filled; else what is wrong, and *index
   is the operation that it is about, or -1. bytes: 8-aligned. */
const char *plan_check(struct plan *plan, const void *bytes, size_t size, int *index);

/* One operation of a checked plan. */
struct op {
  int code, side;
  uint16_t ignore[2];
  union val fields[MAX_FIELDS];
};

/* Decodes the operation at an offset (PLAN_HEADER for the first); returns the next one's offset. */
uint32_t plan_op(const struct plan *plan, uint32_t at, struct op *op);

#endif
