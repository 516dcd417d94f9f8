/* Stands in for the client: sends one request to ANTHROPIC_BASE_URL as soon as it runs, notes when, and ends.
 *
 *   first-request --stamp FILE      exit code 0 when the answer is 200
 *   first-request --version
 */
#define _GNU_SOURCE
#include "wire.h"
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **arguments) {
  const char *stamp = NULL, *url = getenv("ANTHROPIC_BASE_URL"), *token = getenv("ANTHROPIC_AUTH_TOKEN");
  for (int i = 1; i < count; i++) {
    if (!strcmp(arguments[i], "--version")) return puts("2.1.329 (Claude Code)") < 0;
    if (!strcmp(arguments[i], "--stamp") && i + 1 < count) stamp = arguments[++i];
  }
  char host[64], prefix[256] = "";
  int port;
  if (!url || !stamp || sscanf(url, "http://%63[^:]:%d%255s", host, &port, prefix) < 2) return 2;
  if (prefix[0] && prefix[strlen(prefix) - 1] == '/') prefix[strlen(prefix) - 1] = 0;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, host, &address.sin_addr);
  static const char body[] = "{\"model\":\"bench-large\",\"max_tokens\":64,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"stream\":true}";
  char text[2048];
  int length = snprintf(text, sizeof text,
                        "POST %s/v1/messages?beta=true HTTP/1.1\r\nhost: %s:%d\r\nauthorization: Bearer %s\r\nanthropic-version: 2023-06-01\r\n"
                        "content-type: application/json\r\ncontent-length: %zu\r\nconnection: close\r\n\r\n%s",
                        prefix, host, port, token ? token : "none", sizeof body - 1, body);
  int64_t at = clock_ns();
  if (connect(fd, (void *)&address, sizeof address) || send(fd, text, (size_t)length, MSG_NOSIGNAL) != length) return 3;
  ssize_t got = recv(fd, text, 12, MSG_WAITALL);
  int good = got == 12 && !memcmp(text + 8, " 200", 4);
  while (recv(fd, text, sizeof text, 0) > 0) continue;
  FILE *out = fopen(stamp, "w");
  if (!out) return 4;
  fprintf(out, "%lld\n", (long long)at);
  fclose(out);
  return good ? 0 : 1;
}
