/* Latencies of millions of events in a few kilobytes: 128 buckets per power of two, so a quantile is off by less than
 * 0.8 %. Values are nanoseconds. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#define SUB_BITS 7
#define SUB_COUNT (1 << SUB_BITS)

struct histogram {
  uint64_t buckets[64 * SUB_COUNT];
  uint64_t count;
  int64_t greatest;
};

static inline void histogram_add(struct histogram *h, int64_t value) {
  if (value < 0) value = 0;
  if (value > h->greatest) h->greatest = value;
  h->count++;
  if (value < SUB_COUNT) {
    h->buckets[value]++;
    return;
  }
  int shift = 63 - __builtin_clzll((uint64_t)value) - SUB_BITS;
  h->buckets[(shift + 1) * SUB_COUNT + (int)(value >> shift) - SUB_COUNT]++;
}

static inline double histogram_quantile(const struct histogram *h, double part) {
  uint64_t rank = (uint64_t)(part * (double)(h->count ? h->count - 1 : 0)), seen = 0;
  for (int i = 0; i < 64 * SUB_COUNT; i++) {
    seen += h->buckets[i];
    if (seen <= rank) continue;
    if (i < SUB_COUNT) return i;
    int shift = i / SUB_COUNT - 1;
    return ((double)(i % SUB_COUNT + SUB_COUNT) + 0.5) * (double)(1ULL << shift);
  }
  return 0;
}

/* As JSON, in microseconds; `null` without values. */
static inline void histogram_print(const struct histogram *h) {
  if (!h->count) printf("null");
  else
    printf("{\"count\":%lu,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f}", h->count, histogram_quantile(h, 0.5) / 1e3,
           histogram_quantile(h, 0.9) / 1e3, histogram_quantile(h, 0.99) / 1e3, (double)h->greatest / 1e3);
}

#endif
