/*
 * Feeds the plan decoder random and mutated plans. Built with a C library and the sanitizers:
 *
 *     cc -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -I native native/fuzz/fuzz-plan.c native/plan.c
 *     fuzz-plan ITERATIONS SEED FILE…      mutations of the plans in the files (SEED 0: of the clock)
 *     fuzz-plan check FILE…                one line each: "ok", or what is wrong
 *
 * Prints one line of JSON: how many plans were accepted and for how many different reasons others were refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "plan.h"

#define MOST_SEEDS 64
#define MOST_REASONS 64

static struct { unsigned char *data; size_t size; } seeds[MOST_SEEDS];
static int seed_count;
static uint64_t state;

static uint64_t next_random(void) { /* xorshift64* */
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return state * 2685821657736338717u;
}
static size_t below(size_t n) { return n ? (size_t)(next_random() >> 11) % n : 0; }

static void read_seed(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || seed_count == MOST_SEEDS) {
    fprintf(stderr, "cannot take %s\n", path);
    exit(2);
  }
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  unsigned char *data = malloc(size ? size : 1);
  if (fread(data, 1, size, file) != size) exit(2);
  fclose(file);
  seeds[seed_count].data = data;
  seeds[seed_count++].size = size;
}

/* Reads all that a handler could read of an accepted plan; the sanitizers watch. */
static void use_plan(const struct plan *plan) {
  uint32_t at = PLAN_HEADER;
  struct op op;
  volatile uint64_t sum = 0;
  for (uint32_t i = 0; i < plan->ops; i++) {
    at = plan_op(plan, at, &op);
    const char *kinds = op_defs[op.code].fields;
    for (int f = 0; kinds[f]; f++) {
      const union val *v = &op.fields[f];
      if (strchr("ns", kinds[f]) && (v->num < 0 || v->num >= MAX_SLOTS)) abort();
      if (kinds[f] == 'o' && (v->num < SLOT_ABSENT || v->num >= MAX_SLOTS)) abort();
      if (kinds[f] == 'z' && strlen(v->data) != v->len) abort();
      if (kinds[f] == 'u' && (uintptr_t)v->data % 4 != 0) abort();
      if (kinds[f] == 'v') {
        const char *s = v->data;
        for (uint32_t n = 0; n < v->count; n++) s += strlen(s) + 1;
        if (s != v->data + v->len) abort();
      }
      if (strchr("zbuv", kinds[f]))
        for (uint32_t n = 0; n < v->len; n++) sum += (unsigned char)v->data[n];
    }
  }
  if (at != plan->size) abort();
}

static const uint64_t interesting[] = {0, 1, 2, 7, 8, 15, 16, 24, 95, 96, 97, 255, 4095, 4096, 65535, 65536, 0x7fffffff,
                                       0x80000000, 0xfffffff8, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
                                       0x8000000000000000, 0xfffffffffffffff8, 0xffffffffffffffff};

static uint32_t u32_of(const unsigned char *p) {
  uint32_t n;
  memcpy(&n, p, 4);
  return n;
}

/* Offset of a random operation, as far as the sizes lead; 0 where there is none. *size: its size. */
static size_t pick_op(const unsigned char *data, size_t len, size_t *size) {
  size_t at = PLAN_HEADER, picked = 0, seen = 0;
  while (at + OP_HEAD <= len) {
    size_t n = u32_of(data + at + 4);
    if (n < OP_HEAD || n > len - at) break;
    if (below(++seen) == 0) picked = at, *size = n;
    at += n;
  }
  return picked;
}

static void set_header(unsigned char *data, size_t len, int ops) {
  uint32_t size = (uint32_t)len, count;
  if (len < PLAN_HEADER) return;
  memcpy(data + 8, &size, 4);
  count = u32_of(data + 12) + (uint32_t)ops;
  memcpy(data + 12, &count, 4);
}

static void mutate(unsigned char *data, size_t *len, size_t cap) {
  size_t size = 0, at = below(*len), op;
  uint64_t value = interesting[below(sizeof interesting / sizeof *interesting)];
  switch (below(10)) {
    case 0: data[at] ^= (unsigned char)(1u << below(8)); break;
    case 1: data[at] = (unsigned char)next_random(); break;
    case 2:
    case 3: /* a number at its place */
      at &= ~(size_t)3;
      if (at + 4 <= *len) memcpy(data + at, &value, 4);
      break;
    case 4:
      at &= ~(size_t)7;
      if (at + 8 <= *len) memcpy(data + at, &value, 8);
      break;
    case 5: /* cut off */
      *len = below(2) ? at : at & ~(size_t)7;
      if (below(2)) set_header(data, *len, 0);
      break;
    case 6: /* an operation less */
      if (!(op = pick_op(data, *len, &size))) break;
      memmove(data + op, data + op + size, *len - op - size);
      *len -= size;
      set_header(data, *len, -1);
      break;
    case 7: /* an operation again, in another place */
      if (!(op = pick_op(data, *len, &size)) || *len + size > cap) break;
      unsigned char *copy = malloc(size);
      memcpy(copy, data + op, size);
      size_t other = 0, to = pick_op(data, *len, &other);
      memmove(data + to + size, data + to, *len - to);
      memcpy(data + to, copy, size);
      free(copy);
      *len += size;
      set_header(data, *len, 1);
      break;
    case 8: /* another code or side */
      if (!(op = pick_op(data, *len, &size))) break;
      data[op + (below(2) ? 0 : 2)] = (unsigned char)below(OP_COUNT + 4);
      break;
    default: /* another size of an operation or field */
      if (!(op = pick_op(data, *len, &size))) break;
      at = op + 4 * (1 + below(size / 4 - 1));
      uint32_t n = u32_of(data + at) + (uint32_t)below(33) - 16;
      memcpy(data + at, &n, 4);
      break;
  }
}

static const char *reasons[MOST_REASONS];
static int reason_count;

static void note(const char *reason) {
  for (int i = 0; i < reason_count; i++)
    if (strcmp(reasons[i], reason) == 0) return;
  if (reason_count < MOST_REASONS) reasons[reason_count++] = reason;
}

static int check_files(int count, char **paths) {
  int bad = 0;
  for (int i = 0; i < count; i++) {
    struct plan plan;
    int index;
    read_seed(paths[i]);
    const char *error = plan_check(&plan, seeds[i].data, seeds[i].size, &index);
    if (error) printf("operation %d: %s\n", index, error), bad = 1;
    else use_plan(&plan), printf("ok\n");
  }
  return bad;
}

int main(int argc, char **argv) {
  if (argc >= 3 && strcmp(argv[1], "check") == 0) return check_files(argc - 2, argv + 2);
  if (argc < 4) return fprintf(stderr, "usage: fuzz-plan ITERATIONS SEED FILE... | check FILE...\n"), 2;
  long iterations = strtol(argv[1], NULL, 10), accepted = 0;
  state = strtoull(argv[2], NULL, 10);
  if (state == 0) state = (uint64_t)time(NULL) * 2654435761u + 1;
  uint64_t first = state;
  for (int i = 3; i < argc; i++) read_seed(argv[i]);
  for (long i = 0; i < iterations; i++) {
    size_t pick = below((size_t)seed_count), len = seeds[pick].size, cap = len + 65536;
    unsigned char *work = malloc(cap);
    memcpy(work, seeds[pick].data, len);
    if (below(16) == 0)
      for (size_t n = below(2) ? 0 : PLAN_HEADER; n < len; n++) work[n] = (unsigned char)next_random();
    for (size_t n = 1 + below(below(4) ? 3 : 16); n-- && len;) mutate(work, &len, cap);
    unsigned char *exact = malloc(len); /* one byte past it is caught */
    memcpy(exact, work, len);
    struct plan plan;
    int index;
    const char *error = plan_check(&plan, exact, len, &index);
    if (error) note(error);
    else use_plan(&plan), accepted++;
    free(exact);
    free(work);
  }
  printf("{\"iterations\":%ld,\"seed\":\"%llu\",\"accepted\":%ld,\"reasons\":%d}\n", iterations, (unsigned long long)first,
         accepted, reason_count);
  return 0;
}
