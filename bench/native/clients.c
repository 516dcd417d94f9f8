/* Closed-loop clients: each sends a request, reads the answer to its end, sends the next. One thread.
 *
 *   clients port=N requests=FILE clients=16 (total=N | seconds=S) expect=200 [ramp_ms=0] [deadline_s=60] [samples=1]
 *
 * FILE holds whole HTTP/1.1 requests, each behind its length as 4 bytes little-endian; they are sent in order and
 * over again, shared by all clients. `expect` is the number of markers of an answer (see wire.h).
 *
 * An answer is good when its status is 200, every marker arrived exactly once and in order, the protocol's own end was
 * seen (message_stop, [DONE], the closing brace of a JSON answer) and no error event. Everything else is counted under
 * its reason, also what was still under way at the deadline. Prints one JSON object; times in microseconds.
 */
#define _GNU_SOURCE
#include "histogram.h"
#include "wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum part { IDLE, HEAD, BODY, STOPPED };
enum chunk_part { SIZE_LINE, DATA, DATA_END, TRAILER };
enum fault { CONNECT, RESET, MALFORMED, STATUS, ERROR_EVENT, LOST, NO_END, UNFINISHED, FAULTS };
static const char *fault_names[FAULTS] = {"connect", "reset", "malformed", "status", "errorEvent", "lost", "noEnd", "unfinished"};

struct client {
  int fd, wants_write;
  enum part part;
  int64_t begins_ns, sent_ns, first_byte_ns, first_marker_ns;
  const char *request;
  size_t request_length, request_at;
  struct buffer head, line;
  int status, chunked, closes, event_stream;
  int64_t length_left; /* of a body with content-length, -1 without */
  enum chunk_part chunk_part;
  size_t chunk_left;
  char size_line[32];
  int size_length;
  uint32_t next_number;
  int disordered, ended, errored;
  char last_byte;
};

static int port, client_count = 1, expected, ramp_ms, want_samples;
static int64_t total = -1, stops_ns = INT64_MAX;
static double seconds, deadline_s = 60;
static char *requests;
static size_t requests_size, request_next;
static int epoll_fd, live;
static int64_t started, good, failed[FAULTS], markers, body_bytes, connects, statuses[600];
static struct histogram first_byte, first_marker, complete, one_way;
static double *samples;
static char first_fault[256];

static void take_request(struct client *c) {
  if (request_next >= requests_size) request_next = 0;
  uint32_t length;
  memcpy(&length, requests + request_next, 4);
  c->request = requests + request_next + 4;
  c->request_length = length;
  c->request_at = 0;
  request_next += 4 + (size_t)length;
}

static void watch(struct client *c, int operation, int write) {
  struct epoll_event event = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(epoll_fd, operation, c->fd, &event);
  c->wants_write = write;
}

static int open_socket(struct client *c) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int on = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  connects++;
  if (connect(c->fd, (void *)&address, sizeof address) && errno != EINPROGRESS) return -1;
  watch(c, EPOLL_CTL_ADD, 1);
  return 0;
}

static void close_socket(struct client *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}

static void stop(struct client *c) {
  close_socket(c);
  if (c->part != STOPPED) live--;
  c->part = STOPPED;
}

static int send_rest(struct client *c) {
  while (c->request_at < c->request_length) {
    ssize_t sent = send(c->fd, c->request + c->request_at, c->request_length - c->request_at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) {
      if (!c->wants_write) watch(c, EPOLL_CTL_MOD, 1);
      return 0;
    }
    if (sent < 0) return -1;
    c->request_at += (size_t)sent;
  }
  if (c->wants_write) watch(c, EPOLL_CTL_MOD, 0);
  return 0;
}

static void finish(struct client *c, enum fault fault);

static void begin(struct client *c) {
  if (total >= 0 ? started >= total : clock_ns() >= stops_ns) {
    stop(c);
    return;
  }
  started++;
  take_request(c);
  c->head.start = c->head.end = c->line.start = c->line.end = 0;
  c->status = c->chunked = c->closes = c->event_stream = c->size_length = 0;
  c->length_left = -1;
  c->chunk_part = SIZE_LINE;
  c->next_number = 0;
  c->disordered = c->ended = c->errored = 0;
  c->first_byte_ns = c->first_marker_ns = 0;
  c->part = HEAD;
  c->sent_ns = clock_ns();
  if (c->fd >= 0 ? send_rest(c) : open_socket(c)) finish(c, c->fd >= 0 ? RESET : CONNECT);
}

/* `fault` FAULTS: the answer came to the end of its framing, and is judged by what it held. */
static void finish(struct client *c, enum fault fault) {
  int64_t now = clock_ns();
  if (c->status < 600) statuses[c->status]++;
  if (fault == FAULTS && c->status != 200) fault = STATUS;
  if (fault == FAULTS && c->errored) fault = ERROR_EVENT;
  if (fault == FAULTS && (c->disordered || (int)c->next_number != expected)) fault = LOST;
  if (fault == FAULTS && !(c->event_stream ? c->ended : c->last_byte == '}')) fault = NO_END;
  if (fault == FAULTS) {
    if (samples && good < total) samples[good] = (double)(c->first_marker_ns - c->sent_ns) / 1e3;
    good++;
    histogram_add(&first_byte, c->first_byte_ns - c->sent_ns);
    if (c->first_marker_ns) histogram_add(&first_marker, c->first_marker_ns - c->sent_ns);
    histogram_add(&complete, now - c->sent_ns);
  } else {
    failed[fault]++;
    if (!first_fault[0])
      snprintf(first_fault, sizeof first_fault, "%s: status %d, %u of %d deltas, %s, %s", fault_names[fault], c->status, c->next_number,
               expected, c->disordered ? "disordered" : "in order", c->ended ? "ended" : "no end");
    if (c->fd >= 0) c->closes = 1;
  }
  if (c->closes) close_socket(c);
  int64_t faults = 0;
  for (int i = 0; i < FAULTS; i++) faults += failed[i];
  if (faults > 2000) stop(c);
  else begin(c);
}

static void take_markers(struct client *c, const char *at, size_t length, int64_t now) {
  const char *end = at + length;
  while (end - at >= MARKER_LENGTH && (at = memchr(at, '#', (size_t)(end - at) - MARKER_LENGTH + 1))) {
    int64_t sent;
    uint32_t number;
    if (!read_marker(at, &sent, &number)) {
      at++;
      continue;
    }
    if (number != c->next_number) c->disordered = 1;
    c->next_number++;
    if (!c->first_marker_ns) c->first_marker_ns = now;
    histogram_add(&one_way, now - sent);
    markers++;
    at += MARKER_LENGTH;
  }
}

#define STARTS(line, length, text) ((length) >= sizeof(text) - 1 && !memcmp(line, text, sizeof(text) - 1))

static void take_line(struct client *c, const char *line, size_t length, int64_t now) {
  if (STARTS(line, length, "data:")) {
    take_markers(c, line, length, now);
    const char *data = line + 5 + (length > 5 && line[5] == ' ');
    size_t left = length - (size_t)(data - line);
    if (STARTS(data, left, "[DONE]") || STARTS(data, left, "{\"type\":\"message_stop\"")) c->ended = 1;
    if (STARTS(data, left, "{\"type\":\"error\"") || STARTS(data, left, "{\"error\"")) c->errored = 1;
  } else if (STARTS(line, length, "event: error")) c->errored = 1;
}

static void take_body(struct client *c, const char *at, size_t length, int64_t now) {
  body_bytes += (int64_t)length;
  if (length) c->last_byte = at[length - 1];
  if (!c->event_stream) {
    buffer_add(&c->line, at, length);
    return;
  }
  while (length) {
    const char *end = memchr(at, '\n', length);
    size_t part = end ? (size_t)(end - at) : length;
    if (!end || buffer_size(&c->line)) buffer_add(&c->line, at, part);
    if (!end) return;
    if (buffer_size(&c->line)) {
      take_line(c, c->line.data + c->line.start, buffer_size(&c->line), now);
      c->line.start = c->line.end = 0;
    } else take_line(c, at, part, now);
    at += part + 1;
    length -= part + 1;
  }
}

/* 1 at the end of the body, 0 when more is to come, -1 when the framing is broken. */
static int take_framed(struct client *c, const char *at, size_t length, int64_t now) {
  if (!c->chunked) {
    if (c->length_left >= 0 && (int64_t)length > c->length_left) return -1;
    take_body(c, at, length, now);
    if (c->length_left >= 0) c->length_left -= (int64_t)length;
    return c->length_left == 0;
  }
  while (length) {
    if (c->chunk_part == DATA) {
      size_t part = length < c->chunk_left ? length : c->chunk_left;
      take_body(c, at, part, now);
      at += part, length -= part, c->chunk_left -= part;
      if (!c->chunk_left) c->chunk_part = DATA_END;
      continue;
    }
    char byte = *at++;
    length--;
    if (byte != '\n') {
      if (c->size_length == sizeof c->size_line - 1) return -1;
      if (byte != '\r') c->size_line[c->size_length++] = byte;
      continue;
    }
    c->size_line[c->size_length] = 0;
    int empty = c->size_length == 0;
    c->size_length = 0;
    if (c->chunk_part == SIZE_LINE) {
      if (empty || hex_digit((char)(c->size_line[0] | 32)) < 0) return -1;
      c->chunk_left = strtoul(c->size_line, NULL, 16);
      c->chunk_part = c->chunk_left ? DATA : TRAILER;
    } else if (c->chunk_part == DATA_END) {
      if (!empty) return -1;
      c->chunk_part = SIZE_LINE;
    } else if (empty) return 1;
  }
  return 0;
}

/* Reads the head that is complete in `c->head`; -1 when it is none. */
static int read_head(struct client *c, size_t length) {
  const char *head = c->head.data, *end = head + length;
  if (memcmp(head, "HTTP/1.1 ", 9)) return -1;
  c->status = atoi(head + 9);
  for (const char *line = memmem(head, length, "\r\n", 2); line && line + 2 < end; line = memmem(line, (size_t)(end - line), "\r\n", 2)) {
    line += 2;
    if (!strncasecmp(line, "content-length:", 15)) c->length_left = atol(line + 15);
    else if (!strncasecmp(line, "transfer-encoding: chunked", 26)) c->chunked = 1;
    else if (!strncasecmp(line, "connection: close", 17)) c->closes = 1;
    else if (!strncasecmp(line, "content-type: text/event-stream", 31)) c->event_stream = 1;
    else if (!strncasecmp(line, "content-encoding:", 17) && strncasecmp(line + 18, "identity", 8)) return -1;
  }
  if (!c->chunked && c->length_left < 0) c->closes = 1;
  return 0;
}

static void take(struct client *c, const char *at, size_t length) {
  int64_t now = clock_ns();
  if (!c->first_byte_ns) c->first_byte_ns = now;
  if (c->part == HEAD) {
    size_t before = buffer_size(&c->head);
    if (before + length > 1 << 20) return finish(c, MALFORMED);
    buffer_add(&c->head, at, length);
    buffer_room(&c->head, 1)[0] = 0;
    const char *end = memmem(c->head.data, c->head.end, "\r\n\r\n", 4);
    if (!end) return;
    size_t head = (size_t)(end - c->head.data) + 4;
    if (read_head(c, head)) return finish(c, MALFORMED);
    c->part = BODY;
    at += head - before;
    length -= head - before;
    if (!c->chunked && c->length_left == 0) return finish(c, FAULTS);
  }
  int ended = take_framed(c, at, length, now);
  if (ended < 0) return finish(c, MALFORMED);
  if (!ended) return;
  if (!c->event_stream) take_markers(c, c->line.data, c->line.end, now);
  finish(c, FAULTS);
}

static void receive(struct client *c) {
  static char bytes[262144];
  for (;;) {
    ssize_t got = recv(c->fd, bytes, sizeof bytes, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      /* A body without length ends with its connection. */
      if (got == 0 && c->part == BODY && !c->chunked && c->length_left < 0) finish(c, FAULTS);
      else finish(c, c->part == HEAD && c->request_at == 0 ? CONNECT : RESET);
      return;
    }
    take(c, bytes, (size_t)got);
    if ((size_t)got < sizeof bytes || c->fd < 0) return;
  }
}

static void read_requests(const char *file) {
  FILE *in = fopen(file, "rb");
  if (!in) fail(file);
  fseek(in, 0, SEEK_END);
  requests_size = (size_t)ftell(in);
  rewind(in);
  requests = malloc(requests_size);
  if (fread(requests, 1, requests_size, in) != requests_size || !requests_size) fail(file);
  fclose(in);
}

static void read_arguments(int count, char **arguments) {
  for (int i = 1; i < count; i++) {
    char *value = strchr(arguments[i], '=');
    if (!value) continue;
    *value++ = 0;
    const char *name = arguments[i];
    if (!strcmp(name, "port")) port = atoi(value);
    else if (!strcmp(name, "requests")) read_requests(value);
    else if (!strcmp(name, "clients")) client_count = atoi(value);
    else if (!strcmp(name, "total")) total = atol(value);
    else if (!strcmp(name, "seconds")) seconds = atof(value);
    else if (!strcmp(name, "expect")) expected = atoi(value);
    else if (!strcmp(name, "ramp_ms")) ramp_ms = atoi(value);
    else if (!strcmp(name, "deadline_s")) deadline_s = atof(value);
    else if (!strcmp(name, "samples")) want_samples = atoi(value);
  }
  if (!port || !requests || (total < 0 && seconds <= 0)) {
    fprintf(stderr, "clients: port=, requests= and one of total=, seconds= are needed\n");
    exit(2);
  }
  if (want_samples && total > 0) samples = calloc((size_t)total, sizeof *samples);
}

static void print_report(int64_t began_ns) {
  double wall = (double)(clock_ns() - began_ns) / 1e9;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  int64_t faults = 0;
  for (int i = 0; i < FAULTS; i++) faults += failed[i];
  printf("{\"good\":%ld,\"failed\":%ld,\"faults\":{", good, faults);
  for (int i = 0, first = 1; i < FAULTS; i++)
    if (failed[i]) printf("%s\"%s\":%ld", first ? "" : ",", fault_names[i], failed[i]), first = 0;
  printf("},\"firstFault\":\"%s\",\"statuses\":{", first_fault);
  for (int i = 0, first = 1; i < 600; i++)
    if (statuses[i]) printf("%s\"%d\":%ld", first ? "" : ",", i, statuses[i]), first = 0;
  printf("},\"wallS\":%.4f,\"cpuS\":%.4f,\"markers\":%ld,\"bodyBytes\":%ld,\"connects\":%ld", wall, cpu, markers, body_bytes, connects);
  const struct histogram *all[] = {&first_byte, &first_marker, &complete, &one_way};
  const char *names[] = {"firstByte", "firstMarker", "complete", "oneWay"};
  for (int i = 0; i < 4; i++) {
    printf(",\"%s\":", names[i]);
    histogram_print(all[i]);
  }
  if (samples) {
    printf(",\"samples\":[");
    for (int64_t i = 0; i < good && i < total; i++) printf("%s%.1f", i ? "," : "", samples[i]);
    printf("]");
  }
  printf("}\n");
}

int main(int count, char **arguments) {
  signal(SIGPIPE, SIG_IGN);
  read_arguments(count, arguments);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct client *clients = calloc((size_t)client_count, sizeof *clients);
  int64_t began = clock_ns(), deadline = began + (int64_t)(deadline_s * 1e9);
  if (total < 0) stops_ns = began + (int64_t)(seconds * 1e9);
  for (int i = 0; i < client_count; i++) {
    clients[i].fd = -1;
    clients[i].begins_ns = began + (int64_t)ramp_ms * 1000000 * i / client_count;
  }
  live = client_count;
  int launched = 0;
  struct epoll_event events[256];
  while (live > 0 && clock_ns() < deadline) {
    while (launched < client_count && clients[launched].begins_ns <= clock_ns()) begin(&clients[launched++]);
    int ready = epoll_wait(epoll_fd, events, 256, launched < client_count ? 1 : 100);
    for (int i = 0; i < ready; i++) {
      struct client *c = events[i].data.ptr;
      if (c->fd >= 0 && events[i].events & EPOLLOUT && c->part == HEAD && send_rest(c)) finish(c, RESET);
      if (c->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && c->part != STOPPED) receive(c);
    }
  }
  for (int i = 0; i < client_count; i++) {
    struct client *c = &clients[i];
    if (c->part != HEAD && c->part != BODY) continue;
    failed[UNFINISHED]++;
    if (!first_fault[0])
      snprintf(first_fault, sizeof first_fault, "unfinished: status %d, %u of %d deltas", c->status, c->next_number, expected);
  }
  print_report(began);
  return 0;
}
