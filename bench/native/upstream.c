/* A mock model provider: Anthropic Messages and Chat Completions, streams and whole answers, one thread.
 *
 *   upstream            listens on 127.0.0.1 on a free port and prints `port N`
 *
 * It is driven over its standard input, one command a line, each answered with one line on standard output, and ends
 * with its input, so it cannot outlive the bench:
 *
 *   shape events=200 gap_us=0 first_us=0 pad=0 kind=text|tool      the answers from now on
 *   stats                                                          counters since the last `stats`, as JSON
 */
#define _GNU_SOURCE
#include "script.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Most bytes put into one send of an unpaced stream. */
#define BURST_BYTES 65536

struct connection {
  int fd;
  struct buffer in, out, body; /* body: only of a chunked request */
  size_t head_length, content_length, chunk_at;
  int chunked, wants_write, closes;
  struct script *script; /* while a stream is being answered */
  enum protocol protocol;
  int next_frame;
  int64_t due_ns;
  int heap_at; /* place in the heap of waiting streams, -1 when not in it */
};

static int epoll_fd, timer_fd;
static struct script *current;
static struct {
  uint64_t requests, streams, finished, aborted, deltas, request_bytes, connections;
} stats;

/* ---- streams that wait for their time, ordered by it ---- */
static struct connection **heap;
static int heap_count, heap_capacity;

static void heap_put(int at, struct connection *c) { heap[at] = c, c->heap_at = at; }

static void heap_settle(int at) {
  struct connection *c = heap[at];
  while (at > 0 && heap[(at - 1) / 2]->due_ns > c->due_ns) heap_put(at, heap[(at - 1) / 2]), at = (at - 1) / 2;
  for (;;) {
    int child = at * 2 + 1;
    if (child >= heap_count) break;
    if (child + 1 < heap_count && heap[child + 1]->due_ns < heap[child]->due_ns) child++;
    if (heap[child]->due_ns >= c->due_ns) break;
    heap_put(at, heap[child]);
    at = child;
  }
  heap_put(at, c);
}

static void heap_add(struct connection *c) {
  if (c->heap_at >= 0) {
    heap_settle(c->heap_at);
    return;
  }
  if (heap_count == heap_capacity) heap = realloc(heap, sizeof *heap * (size_t)(heap_capacity = heap_capacity * 2 + 64));
  heap_put(heap_count++, c);
  heap_settle(c->heap_at);
}

static void heap_remove(struct connection *c) {
  int at = c->heap_at;
  if (at < 0) return;
  c->heap_at = -1;
  if (at == --heap_count) return;
  heap_put(at, heap[heap_count]);
  heap_settle(at);
}

static void arm_timer(void) {
  static int64_t armed_ns;
  int64_t at = heap_count ? heap[0]->due_ns : 0;
  if (at == armed_ns) return;
  struct itimerspec when = {.it_value = {at / 1000000000, at % 1000000000}};
  timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
  armed_ns = at;
}

/* ---- answering; every function returns 0, or -1 when the connection is dead ---- */
static int flush(struct connection *c) {
  int blocked = 0;
  while (buffer_size(&c->out)) {
    ssize_t sent = send(c->fd, c->out.data + c->out.start, buffer_size(&c->out), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return -1;
    if (sent < 0) {
      blocked = 1;
      break;
    }
    c->out.start += (size_t)sent;
  }
  if (blocked != c->wants_write) {
    struct epoll_event event = {.events = EPOLLIN | (blocked ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
    c->wants_write = blocked;
  }
  return 0;
}

static void reply(struct connection *c, const char *status, const char *body, size_t length) {
  text_add(&c->out, "HTTP/1.1 %s\r\ncontent-type: application/json\r\nrequest-id: req_bench\r\ncontent-length: %zu\r\n\r\n", status, length);
  buffer_add(&c->out, body, length);
}

static void put_frame(struct connection *c, const struct answer *answer) {
  const struct frame *frame = &answer->frames[c->next_frame++];
  char *at = buffer_room(&c->out, frame->length);
  memcpy(at, frame->bytes, frame->length);
  c->out.end += frame->length;
  if (frame->marker < 0) return;
  stamp_marker(at + frame->marker, clock_ns());
  stats.deltas++;
}

static void stream_end(struct connection *c, int finished) {
  heap_remove(c);
  script_leave(c->script);
  c->script = NULL;
  if (finished) stats.finished++;
  else stats.aborted++;
}

/* One delta with the events before it that carry none; behind the last delta, the rest of the stream. */
static void put_step(struct connection *c, const struct answer *answer) {
  while (c->next_frame < answer->count && answer->frames[c->next_frame].marker < 0) put_frame(c, answer);
  if (c->next_frame < answer->count) put_frame(c, answer);
  int rest = c->next_frame;
  while (rest < answer->count && answer->frames[rest].marker < 0) rest++;
  if (rest == answer->count) while (c->next_frame < answer->count) put_frame(c, answer);
}

static int stream_on(struct connection *c) {
  const struct shape *shape = &c->script->shape;
  const struct answer *answer = &c->script->answers[c->protocol];
  while (!c->wants_write) {
    if (c->due_ns > clock_ns()) {
      heap_add(c);
      return 0;
    }
    if (c->next_frame == 0)
      text_add(&c->out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
                        "request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n");
    if (shape->gap_ns) {
      put_step(c, answer);
      c->due_ns += shape->gap_ns;
    } else {
      while (c->next_frame < answer->count && buffer_size(&c->out) < BURST_BYTES) put_frame(c, answer);
    }
    int ended = c->next_frame == answer->count;
    if (ended) buffer_add(&c->out, "0\r\n\r\n", 5);
    if (flush(c)) return -1;
    if (ended) {
      stream_end(c, 1);
      return c->closes && !buffer_size(&c->out) ? -1 : 0;
    }
  }
  heap_remove(c); /* goes on when the socket takes bytes again */
  return 0;
}

static int ends_with(const char *text, size_t length, const char *tail) {
  size_t size = strlen(tail);
  return length >= size && !memcmp(text + length - size, tail, size);
}

static int asks_for_stream(const char *body, size_t length) {
  static const char wanted[] = "\"stream\":true";
  size_t size = sizeof wanted - 1, tail = length < 512 ? length : 512;
  return memmem(body + length - tail, tail, wanted, size) || memmem(body, length, wanted, size);
}

static int answer_request(struct connection *c, const char *body, size_t length) {
  const char *head = c->in.data + c->in.start, *path = memchr(head, ' ', c->head_length);
  if (!path) return -1;
  path++;
  size_t path_length = strcspn(path, " ?");
  stats.requests++;
  stats.request_bytes += length;
  int messages = ends_with(path, path_length, "/messages"), chat = ends_with(path, path_length, "/chat/completions");
  if (!messages && !chat) {
    static const char count[] = "{\"input_tokens\":812}", missing[] = "{\"error\":{\"message\":\"no such path\"}}";
    if (ends_with(path, path_length, "/count_tokens")) reply(c, "200 OK", count, sizeof count - 1);
    else reply(c, "404 Not Found", missing, sizeof missing - 1);
    return flush(c);
  }
  c->protocol = messages ? MESSAGES : CHAT;
  if (asks_for_stream(body, length)) {
    stats.streams++;
    c->script = current;
    current->users++;
    c->next_frame = 0;
    c->due_ns = clock_ns() + current->shape.first_ns;
    return stream_on(c);
  }
  struct buffer *whole = &current->answers[c->protocol].whole;
  reply(c, "200 OK", whole->data + whole->start, buffer_size(whole));
  char *text = c->out.data + c->out.end - buffer_size(whole), *end = c->out.data + c->out.end;
  for (char *at = text; (at = memchr(at, '#', (size_t)(end - at))); at += MARKER_LENGTH) stamp_marker(at, clock_ns());
  return flush(c);
}

/* ---- reading requests ---- */
/* 1 when the chunked body is complete in `c->body`, 0 when bytes are missing. */
static int take_chunks(struct connection *c) {
  for (;;) {
    const char *at = c->in.data + c->in.start + c->chunk_at;
    size_t left = buffer_size(&c->in) - c->chunk_at;
    const char *line_end = memmem(at, left, "\r\n", 2);
    if (!line_end) return 0;
    size_t size = strtoul(at, NULL, 16), line = (size_t)(line_end - at) + 2;
    if (left < line + size + 2) return 0;
    buffer_add(&c->body, at + line, size);
    c->chunk_at += line + size + 2;
    if (!size) return 1;
  }
}

static int read_head(struct connection *c) {
  const char *head = c->in.data + c->in.start, *end = memmem(head, buffer_size(&c->in), "\r\n\r\n", 4);
  if (!end) return 0;
  c->head_length = (size_t)(end - head) + 4;
  c->content_length = 0;
  c->chunked = c->closes = 0;
  c->body.start = c->body.end = 0;
  for (const char *line = head; line < end;) {
    const char *next = (const char *)memmem(line, c->head_length - (size_t)(line - head), "\r\n", 2) + 2;
    if (!strncasecmp(line, "content-length:", 15)) c->content_length = strtoul(line + 15, NULL, 10);
    if (!strncasecmp(line, "transfer-encoding: chunked", 26)) c->chunked = 1;
    if (!strncasecmp(line, "connection: close", 17)) c->closes = 1;
    line = next;
  }
  c->chunk_at = c->head_length;
  return 1;
}

static int take_requests(struct connection *c) {
  while (!c->script && buffer_size(&c->in)) {
    if (!c->head_length && !read_head(c)) return 0;
    size_t used;
    const char *body;
    if (c->chunked) {
      if (!take_chunks(c)) return 0;
      used = c->chunk_at;
      body = c->body.data ? c->body.data : "";
      c->content_length = buffer_size(&c->body);
    } else {
      used = c->head_length + c->content_length;
      if (buffer_size(&c->in) < used) return 0;
      body = c->in.data + c->in.start + c->head_length;
    }
    if (answer_request(c, body, c->content_length)) return -1;
    if (c->closes && !c->script && !buffer_size(&c->out)) return -1;
    c->in.start += used;
    c->head_length = 0;
  }
  return 0;
}

static int read_more(struct connection *c) {
  for (;;) {
    size_t want = 65536;
    if (c->head_length && !c->chunked && c->head_length + c->content_length > buffer_size(&c->in) + want)
      want = c->head_length + c->content_length - buffer_size(&c->in);
    ssize_t got = recv(c->fd, buffer_room(&c->in, want), want, 0);
    if (got > 0) c->in.end += (size_t)got;
    else if (got < 0 && errno == EAGAIN) return 0;
    else return -1;
    if (take_requests(c)) return -1;
    if ((size_t)got < want) return 0;
  }
}

static void drop(struct connection *c) {
  if (c->script) stream_end(c, 0);
  close(c->fd);
  buffer_free(&c->in);
  buffer_free(&c->out);
  buffer_free(&c->body);
  free(c);
}

static void accept_all(int listener) {
  int fd, on = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *c = calloc(1, sizeof *c);
    c->fd = fd;
    c->heap_at = -1;
    stats.connections++;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
  }
}

/* ---- commands ---- */
static void set_shape(char *words) {
  struct shape shape = {.events = 200, .kind = TEXT};
  for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
    long value = strchr(word, '=') ? atol(strchr(word, '=') + 1) : 0;
    if (!strncmp(word, "events=", 7)) shape.events = (int)value;
    else if (!strncmp(word, "pad=", 4)) shape.pad = (int)value;
    else if (!strncmp(word, "gap_us=", 7)) shape.gap_ns = value * 1000;
    else if (!strncmp(word, "first_us=", 9)) shape.first_ns = value * 1000;
    else if (!strcmp(word, "kind=tool")) shape.kind = TOOL;
  }
  if (current) script_leave(current);
  current = script_new(shape);
}

static void obey(char *line) {
  if (!strncmp(line, "shape", 5)) {
    set_shape(line + 5);
    printf("ok\n");
  } else if (!strcmp(line, "stats")) {
    printf("{\"requests\":%lu,\"streams\":%lu,\"finished\":%lu,\"aborted\":%lu,\"deltas\":%lu,\"requestBytes\":%lu,\"connections\":%lu}\n",
           stats.requests, stats.streams, stats.finished, stats.aborted, stats.deltas, stats.request_bytes, stats.connections);
    memset(&stats, 0, sizeof stats);
  } else printf("unknown command\n");
  fflush(stdout);
}

static void read_commands(void) {
  static struct buffer in;
  ssize_t got = read(STDIN_FILENO, buffer_room(&in, 4096), 4096);
  if (got <= 0) exit(0);
  in.end += (size_t)got;
  char *end;
  while ((end = memchr(in.data + in.start, '\n', buffer_size(&in)))) {
    *end = 0;
    obey(in.data + in.start);
    in.start = (size_t)(end + 1 - in.data);
  }
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (void *)&address, size) || listen(listener, 4096) || getsockname(listener, (void *)&address, &size)) fail("listen");
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  static char at_listener, at_timer, at_commands;
  struct epoll_event add = {.events = EPOLLIN};
  add.data.ptr = &at_listener, epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &add);
  add.data.ptr = &at_timer, epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &add);
  add.data.ptr = &at_commands, epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &add);
  set_shape((char[]){""});
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);

  struct epoll_event events[256];
  for (;;) {
    int count = epoll_wait(epoll_fd, events, 256, -1);
    for (int i = 0; i < count; i++) {
      void *at = events[i].data.ptr;
      if (at == &at_listener) accept_all(listener);
      else if (at == &at_commands) read_commands();
      else if (at == &at_timer) {
        uint64_t expired;
        if (read(timer_fd, &expired, sizeof expired) < 0) continue;
      } else {
        struct connection *c = at;
        int dead = 0;
        if (events[i].events & EPOLLOUT) {
          dead = flush(c);
          if (!dead && c->script) dead = stream_on(c);
          if (!dead) dead = take_requests(c);
        }
        if (!dead && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) dead = read_more(c);
        if (dead) drop(c);
      }
    }
    /* A stream that dies here has no event left in this batch: the batch is done. */
    for (int64_t now = clock_ns(); heap_count && heap[0]->due_ns <= now;) {
      struct connection *c = heap[0];
      if (stream_on(c)) drop(c);
    }
    arm_timer();
  }
}
