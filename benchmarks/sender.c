/* Sends prepared requests to a server on 127.0.0.1, each client on a thread and a connection of its own.
 *
 *     sender PORT BODY PLAN
 *
 * BODY is the file whose bytes are sent, from its start and over again when it is shorter than a request's
 * body; PLAN has one record for each request: seven numbers of 8 bytes (client, length of the head, of the
 * second head, of the body, of the tail, the status that is expected of the first and of the second request),
 * and then the head, the second head and the tail. Without a second head the request is head, body, tail.
 * With one the head is a request by itself, and its Location takes the place of "{location}" in the
 * second, which the body belongs to.
 *
 * Says "ready", begins at a line on standard input, and says how many seconds it took. An answer with another
 * status is printed to standard error and ends it with 1. The body goes out by sendfile(2), so that sending
 * costs next to nothing beside receiving.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST_CLIENTS 1024
#define ANSWER_BYTES 65536

struct request {
    uint64_t client, head_length, second_length, body_length, tail_length, status, second_status;
    const char *head, *second, *tail;
};

static struct request *requests;
static size_t request_count;
static int port, body;
static off_t body_size;

static void fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    exit(1);
}

static int connected(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (peer < 0 || connect(peer, (struct sockaddr *)&address, sizeof address)) fail("connect: %s", strerror(errno));
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return peer;
}

/* 0 when the server does not listen any more: what it said instead is read next. */
static int send_all(int peer, const char *data, size_t length, int flags) {
    while (length) {
        ssize_t sent = send(peer, data, length, flags | MSG_NOSIGNAL);
        if (sent < 0) return 0;
        data += sent, length -= sent;
    }
    return 1;
}

static int send_body(int peer, uint64_t length) {
    off_t place = 0;
    while (length) {
        if (place == body_size) place = 0;
        uint64_t step = (uint64_t)(body_size - place) < length ? (uint64_t)(body_size - place) : length;
        ssize_t sent = sendfile(peer, body, &place, step);
        if (sent <= 0) return 0;
        length -= sent;
    }
    return 1;
}

/* The value of a field of an answer's head, or NULL. */
static const char *field(const char *head, const char *name) {
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, name, length) && line[2 + length] == ':') {
            const char *value = line + 3 + length;
            return value + strspn(value, " \t");
        }
    return NULL;
}

/* Read one answer. Returns its status, whether the connection ends with it, and where it points to. */
static uint64_t answer(int peer, char *text, int *ends, char *location, size_t room) {
    size_t have = 0;
    char *end = NULL;
    while (!(end = have ? strstr(text, "\r\n\r\n") : NULL)) {
        ssize_t got = recv(peer, text + have, ANSWER_BYTES - 1 - have, 0);
        if (got <= 0) fail("no answer: %s", got ? strerror(errno) : "the connection was closed");
        text[have += got] = 0;
    }
    uint64_t status = strtoull(text + strcspn(text, " "), NULL, 10);
    size_t head = end + 4 - text;
    end[2] = 0;
    const char *length = field(text, "Content-Length"), *coding = field(text, "Transfer-Encoding");
    const char *connection = field(text, "Connection"), *url = field(text, "Location");
    *ends = connection && !strncasecmp(connection, "close", 5);
    if (url && location) {
        const char *path = strstr(url, "://");
        path = path ? strchr(path + 3, '/') : url;
        snprintf(location, room, "%.*s", (int)strcspn(path, "\r\n"), path);
    }
    size_t wanted = length ? strtoull(length, NULL, 10) : 0;
    int endless = !length && !coding && status != 204 && status != 304;
    text[have] = 0;
    for (;;) {
        size_t rest = have - head;
        if (coding && rest >= 5 && !memcmp(text + have - 5, "0\r\n\r\n", 5)) break;
        if (!coding && !endless && rest >= wanted) break;
        if (have >= ANSWER_BYTES - 1) fail("an answer of more than %d bytes", ANSWER_BYTES);
        ssize_t got = recv(peer, text + have, ANSWER_BYTES - 1 - have, 0);
        if (got <= 0) {
            *ends = 1;
            break;
        }
        text[have += got] = 0;
    }
    if (endless) *ends = 1;
    return status;
}

static void expect(uint64_t wanted, uint64_t got, const char *text) {
    if (wanted != got) fail("%lu was expected, and this came:\n%s", (unsigned long)wanted, text);
}

static void *client(void *number) {
    int peer = -1, ends = 0;
    char *text = malloc(ANSWER_BYTES), location[4096] = "", *head = malloc(ANSWER_BYTES);
    for (size_t i = 0; i < request_count; i++) {
        struct request *each = &requests[i];
        if (each->client != (uint64_t)(uintptr_t)number) continue;
        if (peer < 0) peer = connected();
        const char *first = each->head;
        size_t length = each->head_length;
        if (each->second_length) {
            send_all(peer, each->head, each->head_length, 0);
            expect(each->status, answer(peer, text, &ends, location, sizeof location), text);
            if (ends) close(peer), peer = connected();
            const char *mark = memmem(each->second, each->second_length, "{location}", 10);
            if (!mark) fail("the second head has no {location}");
            size_t before = mark - each->second, after = each->second_length - before - 10;
            length = snprintf(head, ANSWER_BYTES, "%.*s%s%.*s", (int)before, each->second, location, (int)after, mark + 10);
            first = head;
        }
        if (send_all(peer, first, length, each->body_length ? MSG_MORE : 0) && send_body(peer, each->body_length))
            send_all(peer, each->tail, each->tail_length, 0);
        uint64_t status = answer(peer, text, &ends, NULL, 0);
        expect(each->second_length ? each->second_status : each->status, status, text);
        if (ends) close(peer), peer = -1;
    }
    if (peer >= 0) close(peer);
    free(text), free(head);
    return NULL;
}

static void read_plan(const char *path) {
    int plan = open(path, O_RDONLY);
    struct stat status;
    if (plan < 0 || fstat(plan, &status)) fail("%s: %s", path, strerror(errno));
    char *data = malloc(status.st_size + 1), *end = data + status.st_size;
    for (char *to = data; to < end;) {
        ssize_t got = read(plan, to, end - to);
        if (got <= 0) fail("%s: %s", path, strerror(errno));
        to += got;
    }
    close(plan);
    for (char *at = data; at < end;) {
        requests = realloc(requests, (request_count + 1) * sizeof *requests);
        struct request *each = &requests[request_count++];
        memcpy(each, at, 7 * sizeof(uint64_t));
        if (each->client >= MOST_CLIENTS) fail("more than %d clients", MOST_CLIENTS);
        each->head = at + 7 * sizeof(uint64_t);
        each->second = each->head + each->head_length;
        each->tail = each->second + each->second_length;
        at = (char *)each->tail + each->tail_length;
    }
}

int main(int count, char **values) {
    if (count != 4) fail("sender PORT BODY PLAN");
    signal(SIGPIPE, SIG_IGN);
    port = atoi(values[1]);
    struct stat status;
    if ((body = open(values[2], O_RDONLY)) < 0 || fstat(body, &status)) fail("%s: %s", values[2], strerror(errno));
    body_size = status.st_size;
    read_plan(values[3]);
    uint64_t clients = 0;
    for (size_t i = 0; i < request_count; i++)
        if (requests[i].client >= clients) clients = requests[i].client + 1;
    puts("ready");
    fflush(stdout);
    getchar();
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pthread_t threads[MOST_CLIENTS];
    for (uint64_t i = 0; i < clients; i++) pthread_create(&threads[i], NULL, client, (void *)(uintptr_t)i);
    for (uint64_t i = 0; i < clients; i++) pthread_join(threads[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.6f\n", end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9);
    return 0;
}
