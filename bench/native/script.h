/* The answers of the mock upstream, built once per shape and then only stamped. */
#ifndef BENCH_SCRIPT_H
#define BENCH_SCRIPT_H

#include "wire.h"
#include <stdarg.h>

enum protocol { MESSAGES, CHAT, PROTOCOLS };
enum kind { TEXT, TOOL };

struct shape {
  int events;     /* deltas per stream */
  int pad;        /* bytes of filler behind each marker */
  enum kind kind; /* deltas are text, or the pieces of one tool input */
  int64_t gap_ns; /* between two deltas; 0 sends the whole stream as fast as it is taken */
  int64_t first_ns; /* from request to first byte */
};

/* One server-sent event as an HTTP chunk. `marker` is its offset, -1 for an event without one. */
struct frame {
  char *bytes;
  size_t length;
  long marker;
};

struct answer {
  struct frame *frames;
  int count;
  struct buffer whole; /* the non-stream JSON */
};

/* Shared by the connections that are being answered from it; the last one frees it after the shape has changed. */
struct script {
  struct shape shape;
  struct answer answers[PROTOCOLS];
  int users;
};

static void text_add(struct buffer *b, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  vsnprintf(buffer_room(b, (size_t)length + 1), (size_t)length + 1, format, again);
  b->end += (size_t)length;
  va_end(args);
  va_end(again);
}

static void frame_add(struct answer *answer, const struct buffer *event) {
  size_t size = buffer_size(event);
  struct buffer chunk = {0};
  text_add(&chunk, "%zx\r\n", size);
  buffer_add(&chunk, event->data + event->start, size);
  buffer_add(&chunk, "\r\n", 2);
  long marker = -1;
  for (size_t at = 0; at + MARKER_LENGTH <= chunk.end; at++) {
    int64_t time;
    uint32_t number;
    if (chunk.data[at] == '#' && read_marker(chunk.data + at, &time, &number)) {
      marker = (long)at;
      break;
    }
  }
  answer->frames = realloc(answer->frames, sizeof *answer->frames * (size_t)(answer->count + 1));
  answer->frames[answer->count++] = (struct frame){chunk.data, chunk.end, marker};
}

static void delta_text(struct buffer *b, uint32_t number, int pad) {
  static const char words[] = " and so the change goes through the gateway";
  char *at = buffer_room(b, (size_t)(MARKER_LENGTH + pad));
  write_marker(at, 0, number);
  for (int i = 0; i < pad; i++) at[MARKER_LENGTH + i] = words[i % (int)(sizeof words - 1)];
  b->end += (size_t)(MARKER_LENGTH + pad);
}

/* A tool input is one JSON object with one long string, cut into pieces. */
static const char *piece_before(const struct shape *s, int i) { return s->kind == TOOL && i == 0 ? "{\\\"content\\\":\\\"" : ""; }
static const char *piece_after(const struct shape *s, int i) { return s->kind == TOOL && i == s->events - 1 ? "\\\"}" : ""; }

#define EVENT(answer, ...) (event.start = event.end = 0, text_add(&event, __VA_ARGS__), frame_add(answer, &event))
#define SSE(name, data) "event: " name "\ndata: " data "\n\n"

static void build_messages(struct answer *answer, const struct shape *s) {
  struct buffer event = {0};
  EVENT(answer, SSE("message_start",
                    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_0123456789abcdefBENCH\",\"type\":\"message\","
                    "\"role\":\"assistant\",\"model\":\"bench-large\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
                    "\"usage\":{\"input_tokens\":12,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":800,"
                    "\"output_tokens\":1,\"service_tier\":\"standard\"}}}"));
  if (s->kind == TEXT)
    EVENT(answer, SSE("content_block_start",
                      "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"));
  else
    EVENT(answer, SSE("content_block_start",
                      "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\","
                      "\"id\":\"toolu_0123456789abcdefBENCH\",\"name\":\"Write\",\"input\":{}}}"));
  EVENT(answer, SSE("ping", "{\"type\": \"ping\"}"));
  for (int i = 0; i < s->events; i++) {
    event.start = event.end = 0;
    text_add(&event, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"%s\":\"%s",
             s->kind == TEXT ? "text_delta\",\"text" : "input_json_delta\",\"partial_json", piece_before(s, i));
    delta_text(&event, (uint32_t)i, s->pad);
    text_add(&event, "%s\"}}\n\n", piece_after(s, i));
    frame_add(answer, &event);
  }
  EVENT(answer, SSE("content_block_stop", "{\"type\":\"content_block_stop\",\"index\":0}"));
  EVENT(answer, SSE("message_delta",
                    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\",\"stop_sequence\":null},"
                    "\"usage\":{\"output_tokens\":%d}}"),
        s->kind == TEXT ? "end_turn" : "tool_use", s->events * 8);
  EVENT(answer, SSE("message_stop", "{\"type\":\"message_stop\"}"));
  buffer_free(&event);

  text_add(&answer->whole, "{\"id\":\"msg_0123456789abcdefBENCH\",\"type\":\"message\",\"role\":\"assistant\","
                           "\"model\":\"bench-large\",\"content\":[{\"type\":\"text\",\"text\":\"");
  for (int i = 0; i < s->events; i++) delta_text(&answer->whole, (uint32_t)i, s->pad);
  text_add(&answer->whole, "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
                           "\"usage\":{\"input_tokens\":12,\"output_tokens\":%d}}", s->events * 8);
}

#define CHUNK_HEAD \
  "data: {\"id\":\"chatcmpl-0123456789abcdefBENCH\",\"object\":\"chat.completion.chunk\",\"created\":1767225600," \
  "\"model\":\"bench-large\",\"choices\":["
#define CHUNK(choice, rest) CHUNK_HEAD choice "]" rest "}\n\n"

static void build_chat(struct answer *answer, const struct shape *s) {
  struct buffer event = {0};
  if (s->kind == TEXT)
    EVENT(answer, CHUNK("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}", ""));
  else
    EVENT(answer, CHUNK("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"index\":0,"
                        "\"id\":\"call_0123456789BENCH\",\"type\":\"function\",\"function\":{\"name\":\"Write\",\"arguments\":\"\"}}]},"
                        "\"finish_reason\":null}", ""));
  for (int i = 0; i < s->events; i++) {
    event.start = event.end = 0;
    text_add(&event, CHUNK_HEAD "{\"index\":0,\"delta\":{%s\"%s",
             s->kind == TEXT ? "\"content\":" : "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":", piece_before(s, i));
    delta_text(&event, (uint32_t)i, s->pad);
    text_add(&event, "%s\"%s},\"finish_reason\":null}]}\n\n", piece_after(s, i), s->kind == TEXT ? "" : "}}]");
    frame_add(answer, &event);
  }
  EVENT(answer, CHUNK("{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}", ""), s->kind == TEXT ? "stop" : "tool_calls");
  EVENT(answer, CHUNK("", ",\"usage\":{\"prompt_tokens\":812,\"completion_tokens\":%d,\"total_tokens\":%d,"
                          "\"prompt_tokens_details\":{\"cached_tokens\":800}}"),
        s->events * 8, 812 + s->events * 8);
  EVENT(answer, "data: [DONE]\n\n");
  buffer_free(&event);

  text_add(&answer->whole, "{\"id\":\"chatcmpl-0123456789abcdefBENCH\",\"object\":\"chat.completion\",\"created\":1767225600,"
                           "\"model\":\"bench-large\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
  for (int i = 0; i < s->events; i++) delta_text(&answer->whole, (uint32_t)i, s->pad);
  text_add(&answer->whole, "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":812,\"completion_tokens\":%d,"
                           "\"total_tokens\":%d}}", s->events * 8, 812 + s->events * 8);
}

static struct script *script_new(struct shape shape) {
  struct script *script = calloc(1, sizeof *script);
  script->shape = shape;
  script->users = 1;
  build_messages(&script->answers[MESSAGES], &shape);
  build_chat(&script->answers[CHAT], &shape);
  return script;
}

static void script_leave(struct script *script) {
  if (--script->users) return;
  for (int p = 0; p < PROTOCOLS; p++) {
    for (int i = 0; i < script->answers[p].count; i++) free(script->answers[p].frames[i].bytes);
    free(script->answers[p].frames);
    buffer_free(&script->answers[p].whole);
  }
  free(script);
}

#endif
