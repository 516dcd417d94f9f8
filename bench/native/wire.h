/* What both ends of the bench share: the clock, the marker that travels inside every delta, a growable buffer.
 *
 * A marker is 25 bytes of plain ASCII, legal in any JSON string without escapes: `#`, the sender's CLOCK_MONOTONIC in
 * nanoseconds as 16 hex digits, `.`, the number of the delta in its stream as 6 hex digits, `#`. Both ends run on one
 * machine, so receive time minus the marker's time is the one-way latency, and the numbers prove that no delta was
 * lost, repeated or reordered on the way. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MARKER_LENGTH 25

static inline int64_t clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void write_hex(char *at, uint64_t value, int digits) {
  for (int i = digits - 1; i >= 0; i--, value >>= 4) at[i] = "0123456789abcdef"[value & 15];
}

static inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

static inline int read_hex(const char *at, int digits, uint64_t *value) {
  uint64_t sum = 0;
  for (int i = 0; i < digits; i++) {
    int digit = hex_digit(at[i]);
    if (digit < 0) return 0;
    sum = sum << 4 | (uint64_t)digit;
  }
  *value = sum;
  return 1;
}

static inline void write_marker(char *at, int64_t sent_ns, uint32_t number) {
  at[0] = '#';
  write_hex(at + 1, (uint64_t)sent_ns, 16);
  at[17] = '.';
  write_hex(at + 18, number, 6);
  at[24] = '#';
}

/* Refreshes only the time of a marker that is already in place. */
static inline void stamp_marker(char *at, int64_t sent_ns) { write_hex(at + 1, (uint64_t)sent_ns, 16); }

static inline int read_marker(const char *at, int64_t *sent_ns, uint32_t *number) {
  uint64_t time, count;
  if (at[0] != '#' || at[17] != '.' || at[24] != '#') return 0;
  if (!read_hex(at + 1, 16, &time) || !read_hex(at + 18, 6, &count)) return 0;
  *sent_ns = (int64_t)time;
  *number = (uint32_t)count;
  return 1;
}

static inline void fail(const char *what) {
  perror(what);
  exit(1);
}

/* Bytes `[start, end)` of `data` are in use. */
struct buffer {
  char *data;
  size_t start, end, capacity;
};

static inline size_t buffer_size(const struct buffer *b) { return b->end - b->start; }

/* Room for `more` bytes behind `end`; returns where they go. */
static inline char *buffer_room(struct buffer *b, size_t more) {
  if (b->start == b->end) b->start = b->end = 0;
  if (b->capacity - b->end < more) {
    size_t used = buffer_size(b);
    if (b->start) memmove(b->data, b->data + b->start, used);
    b->start = 0;
    b->end = used;
    if (b->capacity - used < more) {
      b->capacity = (used + more) * 2;
      b->data = realloc(b->data, b->capacity);
      if (!b->data) fail("memory");
    }
  }
  return b->data + b->end;
}

static inline void buffer_add(struct buffer *b, const char *bytes, size_t count) {
  memcpy(buffer_room(b, count), bytes, count);
  b->end += count;
}

static inline void buffer_free(struct buffer *b) {
  free(b->data);
  memset(b, 0, sizeof *b);
}

#endif
