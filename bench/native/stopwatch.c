/* Times one start of a program, from the spawn. Prints one JSON object; milliseconds.
 *
 *   stopwatch -- PROGRAM ARGS...                           wallMs, cpuMs: until it has ended
 *   stopwatch ready=PORT [path=/health] -- PROGRAM ARGS... readyMs: until PATH answers 200; then the program is ended
 *   stopwatch stamp=FILE -- PROGRAM ARGS...                stampMs: until the time that somebody wrote into FILE
 *                                                          (CLOCK_MONOTONIC, nanoseconds, decimal)
 *
 * The program inherits environment and directory; its output goes nowhere. It is killed after 20 seconds. */
#define _GNU_SOURCE
#include "wire.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_NS 20000000000LL

extern char **environ;

static int answers(int port, const char *path) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), good = 0;
  struct timeval patience = {.tv_sec = 1};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (!connect(fd, (void *)&address, sizeof address)) {
    char text[512];
    int length = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nconnection: close\r\n\r\n", path, port);
    if (send(fd, text, (size_t)length, MSG_NOSIGNAL) == length) good = recv(fd, text, 12, MSG_WAITALL) == 12 && !memcmp(text + 8, " 200", 4);
  }
  close(fd);
  return good;
}

static void nap(long ns) {
  struct timespec time = {.tv_nsec = ns};
  nanosleep(&time, NULL);
}

/* Waits for the child until the limit, then kills it. */
static int await_end(pid_t child, int64_t began, int64_t poll_ns, struct rusage *usage) {
  int status, killed = 0;
  while (wait4(child, &status, poll_ns ? WNOHANG : 0, usage) == 0) {
    if (!killed && clock_ns() - began > LIMIT_NS) kill(child, SIGKILL), killed = 1;
    nap(poll_ns);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The program that is timed; the alarm ends it. */
static volatile pid_t timed;

static void on_alarm(int signal) {
  (void)signal;
  kill(timed, SIGKILL);
}

static double ms(int64_t ns) { return (double)ns / 1e6; }

int main(int count, char **arguments) {
  int port = 0, at = 1;
  const char *path = "/health", *stamp = NULL;
  for (; at < count && strcmp(arguments[at], "--"); at++) {
    if (!strncmp(arguments[at], "ready=", 6)) port = atoi(arguments[at] + 6);
    else if (!strncmp(arguments[at], "path=", 5)) path = arguments[at] + 5;
    else if (!strncmp(arguments[at], "stamp=", 6)) stamp = arguments[at] + 6;
  }
  char **program = arguments + at + 1;
  if (at + 1 >= count) {
    fprintf(stderr, "stopwatch: -- and a program are needed\n");
    return 2;
  }
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  if (!getenv("STOPWATCH_STDERR")) posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  pid_t child;
  struct rusage usage = {0};
  int64_t began = clock_ns();
  if (posix_spawnp(&child, program[0], &files, NULL, program, environ)) fail(program[0]);

  if (port) {
    int ready = 0;
    while (!(ready = answers(port, path)) && clock_ns() - began < LIMIT_NS && waitpid(child, NULL, WNOHANG) == 0) nap(250000);
    int64_t end = clock_ns();
    if (!ready) kill(child, SIGKILL);
    else kill(child, SIGTERM);
    int status = await_end(child, clock_ns() - LIMIT_NS + 5000000000LL, 1000000, &usage);
    printf("{\"readyMs\":%s%.3f,\"status\":%d}\n", ready ? "" : "-", ms(end - began), status);
    return !ready;
  }
  /* Blocking: a poll would wake up beside what is timed. An alarm is the limit. */
  timed = child;
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  alarm(LIMIT_NS / 1000000000);
  int status = await_end(child, began, 0, &usage);
  int64_t end = clock_ns();
  double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
  printf("{\"wallMs\":%.3f,\"cpuMs\":%.3f,\"status\":%d", ms(end - began), cpu, status);
  if (stamp) {
    long long at_ns = 0;
    FILE *in = fopen(stamp, "r");
    if (in && fscanf(in, "%lld", &at_ns) == 1) printf(",\"stampMs\":%.3f", ms(at_ns - began));
    if (in) fclose(in);
  }
  printf("}\n");
  return 0;
}
