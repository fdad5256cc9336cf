/* The limit: recv(2) of 1 MiB and write(2), as fast as bytes get from a socket into a file by one copy each way.
 *
 *     limit PORT DIRECTORY
 *
 * Speaks as much HTTP as it takes to be sent the same requests as the others: the body of every request goes
 * into a new file, and the answer is 201. One thread and one buffer for each connection. It checks nothing,
 * looks at nothing and remembers nothing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (1 << 20)

static const char *directory;
static atomic_ulong files;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void write_all(int file, const char *data, size_t length) {
    while (length) {
        ssize_t written = write(file, data, length);
        if (written < 0) fail("write");
        data += written, length -= written;
    }
}

static void *serve(void *number) {
    int peer = (int)(intptr_t)number, one = 1;
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    char *buffer = malloc(BUFFER + 1);
    size_t have = 0;
    for (;;) {
        char *end;
        buffer[have] = 0;
        while (!(end = strstr(buffer, "\r\n\r\n"))) {
            ssize_t got = have < BUFFER ? recv(peer, buffer + have, BUFFER - have, 0) : 0;
            if (got <= 0) goto out;
            buffer[have += got] = 0;
        }
        const char *length = strcasestr(buffer, "\r\ncontent-length:");
        uint64_t rest = length && length < end ? strtoull(length + 17, NULL, 10) : 0;
        char path[4096];
        snprintf(path, sizeof path, "%s/%lu", directory, atomic_fetch_add(&files, 1));
        int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file < 0) fail(path);
        size_t head = end + 4 - buffer, part = have - head < rest ? have - head : rest;
        write_all(file, buffer + head, part);
        memmove(buffer, buffer + head + part, have -= head + part);
        rest -= part;
        while (rest) {
            ssize_t got = recv(peer, buffer, rest < BUFFER ? rest : BUFFER, 0);
            if (got <= 0) goto out;
            write_all(file, buffer, got);
            rest -= got;
        }
        close(file);
        static const char answer[] = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
        if (send(peer, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) goto out;
    }
out:
    close(peer);
    free(buffer);
    return NULL;
}

int main(int count, char **values) {
    if (count != 3) return fputs("limit PORT DIRECTORY\n", stderr), 1;
    directory = values[2];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(values[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(door, (struct sockaddr *)&address, sizeof address) || listen(door, 128)) fail("listen");
    for (;;) {
        int peer = accept4(door, NULL, NULL, SOCK_CLOEXEC);
        if (peer < 0) fail("accept");
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)peer)) fail("pthread_create");
        pthread_detach(thread);
    }
}
