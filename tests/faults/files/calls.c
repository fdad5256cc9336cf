/* Stands between a program and the C library (LD_PRELOAD): counts the calls that concern files, and lets the N-th
 * of them fail, be cut short, or be the last thing that the process does. What is not chosen is the system's own.
 *
 * Not strace: here one process is made ready once and forked for every N, a short write really writes its part,
 * and it works in containers that forbid ptrace(2). `test_layer.py` compares what it counts with what strace sees.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* What a call does; `calls.py` has the same names in the same order. */
enum call { OPEN, MAKE, READ, WRITE, LINK, RENAME, UNLINK, RMDIR, MKDIR, TRUNCATE, SYNC, CHMOD, STAT, LOCK, CLOSE, COPY, SEND, TOUCH, LIST };
static const char *NAMES[] = {"open", "make", "read", "write", "link", "rename", "unlink", "rmdir", "mkdir", "truncate",
                              "sync", "chmod", "stat", "lock", "close", "copy", "send", "touch", "list"};
enum how { NOTHING, KILL, TEAR, FAIL, SHORTEN };

static atomic_long seen;
static unsigned long chosen; /* a bit for each call that counts */
static long at, until;       /* the first and the last of them to be injected into */
static int how, code, log_to = -1;
static char roots[8192]; /* paths that count, separated by newlines; empty: all of them */

long faults_seen(void) { return seen; }

/* From now on: count the `calls` on files below `under`, and do `what` (with `error`) to those from `first` to `last`. */
void faults_inject(unsigned long calls, const char *under, int what, int error, long first, long last)
{
    chosen = 0;
    snprintf(roots, sizeof roots, "%s", under);
    seen = 0;
    how = what, code = error, at = first, until = last;
    chosen = calls;
}

/* Write a line for each call that counts to this descriptor. */
void faults_log(int descriptor) { log_to = descriptor; }

/* A program that knows nothing of this is told by its environment what to log. */
__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_LOG"), *calls = getenv("FAULTS_CALLS"), *under = getenv("FAULTS_UNDER");
    if (!path || !calls || !under)
        return;
    log_to = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    faults_inject(strtoul(calls, 0, 10), under, NOTHING, 0, 0, 0);
}

static void path_of(int descriptor, char *path, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
    path[length > 0 ? length : 0] = 0;
}

static void full_path(int directory, const char *name, char *path, size_t size)
{
    path[0] = 0;
    if (name && name[0] != '/') {
        if (directory == AT_FDCWD) {
            if (syscall(SYS_getcwd, path, size) < 0)
                path[0] = 0;
        } else
            path_of(directory, path, size);
    }
    size_t used = strlen(path);
    if (name && name[0])
        snprintf(path + used, size - used, "%s%s", used ? "/" : "", name);
}

static int counts(const char *path)
{
    if (!roots[0])
        return 1;
    for (const char *root = roots; *root;) {
        size_t length = strcspn(root, "\n");
        if (!strncmp(path, root, length) && (path[length] == '/' || !path[length] || path[length] == ' '))
            return 1;
        root += length + (root[length] == '\n');
    }
    return 0;
}

/* What is to be done to this call. `other` is the second path of those that have two. */
static int judge(enum call call, const char *path, const char *other)
{
    if (!(chosen & (1UL << call)))
        return NOTHING;
    if (!counts(path) && !(other && counts(other)) && call != SEND)
        return NOTHING;
    long number = ++seen;
    int injected = how != NOTHING && number >= at && number <= until;
    if (log_to >= 0) {
        char line[9000];
        int length = snprintf(line, sizeof line, "%s\t%s%s%s%s\n", NAMES[call], path, other ? "\t" : "",
                              other ? other : "", injected ? "\t!" : "");
        syscall(SYS_write, log_to, line, (size_t)length);
    }
    if (!injected)
        return NOTHING;
    if (how == KILL || (how == TEAR && call != WRITE && call != COPY))
        syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    return how;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define REFUSE(result) do { errno = code; return result; } while (0)

static int judge_fd(enum call call, int descriptor)
{
    char path[4200];
    if (!(chosen & (1UL << call)))
        return NOTHING;
    path_of(descriptor, path, sizeof path);
    return judge(call, path, 0);
}

static int judge_at(enum call call, int directory, const char *name)
{
    char path[4200];
    if (!(chosen & (1UL << call)))
        return NOTHING;
    full_path(directory, name, path, sizeof path);
    return judge(call, path, 0);
}

static int judge_two(enum call call, int directory, const char *name, int other, const char *target)
{
    char path[4200], second[4200];
    full_path(directory, name, path, sizeof path);
    full_path(other, target, second, sizeof second);
    return judge(call, path, second);
}

/* An open that may make or empty a file is another call than one that only looks. */
static enum call opens(int flags)
{
    return flags & (O_CREAT | O_TRUNC) || (flags & O_TMPFILE) == O_TMPFILE ? MAKE : OPEN;
}

#define OPENING(name, directory, path, ...)                                                                           \
    REAL(name);                                                                                                        \
    mode_t mode = 0;                                                                                                   \
    if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {                                                                               \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }                                                                                                                  \
    if (chosen && judge_at(opens(flags), directory, path))                                            \
        REFUSE(-1);                                                                                                    \
    return real(__VA_ARGS__, flags, mode)

int open(const char *path, int flags, ...) { OPENING(open, AT_FDCWD, path, path); }
int open64(const char *path, int flags, ...) { OPENING(open64, AT_FDCWD, path, path); }
int openat(int directory, const char *path, int flags, ...) { OPENING(openat, directory, path, directory, path); }
int openat64(int directory, const char *path, int flags, ...) { OPENING(openat64, directory, path, directory, path); }

#define READING(name, ...)                                                                                             \
    REAL(name);                                                                                                        \
    int done = judge_fd(READ, fd);                                                                                     \
    if (done == FAIL)                                                                                                  \
        REFUSE(-1);                                                                                                    \
    if (done == SHORTEN && size > 1)                                                                                   \
        size = size / 2;                                                                                               \
    return real(__VA_ARGS__)

ssize_t read(int fd, void *to, size_t size) { READING(read, fd, to, size); }
ssize_t pread(int fd, void *to, size_t size, off_t place) { READING(pread, fd, to, size, place); }
ssize_t pread64(int fd, void *to, size_t size, off64_t place) { READING(pread64, fd, to, size, place); }

/* Half of it is written; then the process is killed, or hears that it was half. */
#define WRITING(call, name, ...)                                                                                       \
    REAL(name);                                                                                                        \
    int done = judge_fd(call, fd);                                                                                     \
    if (done == FAIL)                                                                                                  \
        REFUSE(-1);                                                                                                    \
    if (done == SHORTEN && size > 1)                                                                                   \
        size = size / 2;                                                                                               \
    if (done == TEAR) {                                                                                                \
        size = size / 2;                                                                                               \
        if (size)                                                                                                      \
            (void)!real(__VA_ARGS__);                                                                                  \
        syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);                                                               \
    }                                                                                                                  \
    return real(__VA_ARGS__)

ssize_t write(int fd, const void *data, size_t size) { WRITING(WRITE, write, fd, data, size); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t place) { WRITING(WRITE, pwrite, fd, data, size, place); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t place) { WRITING(WRITE, pwrite64, fd, data, size, place); }
ssize_t copy_file_range(int from, off64_t *start, int fd, off64_t *place, size_t size, unsigned flags)
{
    WRITING(COPY, copy_file_range, from, start, fd, place, size, flags);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev);
    if (judge_fd(WRITE, fd))
        REFUSE(-1);
    return real(fd, parts, count);
}

#define PLAIN(type, name, parameters, judged, ...)                                                                     \
    type name parameters                                                                                               \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        if (chosen && judged == FAIL)                                                                                  \
            REFUSE((type)-1);                                                                                          \
        return real(__VA_ARGS__);                                                                                      \
    }

PLAIN(int, link, (const char *a, const char *b), judge_two(LINK, AT_FDCWD, a, AT_FDCWD, b), a, b)
PLAIN(int, linkat, (int d, const char *a, int e, const char *b, int f), judge_two(LINK, d, a, e, b), d, a, e, b, f)
PLAIN(int, rename, (const char *a, const char *b), judge_two(RENAME, AT_FDCWD, a, AT_FDCWD, b), a, b)
PLAIN(int, renameat, (int d, const char *a, int e, const char *b), judge_two(RENAME, d, a, e, b), d, a, e, b)
PLAIN(int, renameat2, (int d, const char *a, int e, const char *b, unsigned f), judge_two(RENAME, d, a, e, b), d, a, e, b, f)
PLAIN(int, unlink, (const char *a), judge_at(UNLINK, AT_FDCWD, a), a)
PLAIN(int, unlinkat, (int d, const char *a, int f), judge_at(f & AT_REMOVEDIR ? RMDIR : UNLINK, d, a), d, a, f)
PLAIN(int, rmdir, (const char *a), judge_at(RMDIR, AT_FDCWD, a), a)
PLAIN(int, mkdir, (const char *a, mode_t m), judge_at(MKDIR, AT_FDCWD, a), a, m)
PLAIN(int, mkdirat, (int d, const char *a, mode_t m), judge_at(MKDIR, d, a), d, a, m)
PLAIN(int, ftruncate, (int fd, off_t size), judge_fd(TRUNCATE, fd), fd, size)
PLAIN(int, ftruncate64, (int fd, off64_t size), judge_fd(TRUNCATE, fd), fd, size)
PLAIN(int, truncate64, (const char *a, off64_t size), judge_at(TRUNCATE, AT_FDCWD, a), a, size)
PLAIN(int, fsync, (int fd), judge_fd(SYNC, fd), fd)
PLAIN(int, fdatasync, (int fd), judge_fd(SYNC, fd), fd)
PLAIN(int, chmod, (const char *a, mode_t m), judge_at(CHMOD, AT_FDCWD, a), a, m)
PLAIN(int, fchmod, (int fd, mode_t m), judge_fd(CHMOD, fd), fd, m)
PLAIN(int, fchmodat, (int d, const char *a, mode_t m, int f), judge_at(CHMOD, d, a), d, a, m, f)
PLAIN(int, fchown, (int fd, uid_t u, gid_t g), judge_fd(CHMOD, fd), fd, u, g)
PLAIN(int, utimensat, (int d, const char *a, const struct timespec t[2], int f), judge_at(TOUCH, d, a), d, a, t, f)
PLAIN(int, flock, (int fd, int operation), judge_fd(LOCK, fd), fd, operation)
PLAIN(int, stat64, (const char *a, struct stat64 *to), judge_at(STAT, AT_FDCWD, a), a, to)
PLAIN(int, lstat64, (const char *a, struct stat64 *to), judge_at(STAT, AT_FDCWD, a), a, to)
PLAIN(int, fstat64, (int fd, struct stat64 *to), judge_fd(STAT, fd), fd, to)
PLAIN(int, fstatat64, (int d, const char *a, struct stat64 *to, int f), judge_at(STAT, d, a), d, a, to, f)
PLAIN(int, fstatvfs64, (int fd, struct statvfs64 *to), judge_fd(STAT, fd), fd, to)
PLAIN(ssize_t, send, (int fd, const void *data, size_t size, int f), judge_fd(SEND, fd), fd, data, size, f)
PLAIN(ssize_t, sendto, (int fd, const void *data, size_t size, int f, const struct sockaddr *a, socklen_t l), judge_fd(SEND, fd), fd, data, size, f, a, l)
PLAIN(ssize_t, sendmsg, (int fd, const struct msghdr *message, int f), judge_fd(SEND, fd), fd, message, f)

DIR *opendir(const char *path)
{
    REAL(opendir);
    if (judge_at(LIST, AT_FDCWD, path) == FAIL)
        REFUSE(0);
    return real(path);
}

int close(int fd)
{
    REAL(close);
    int done = judge_fd(CLOSE, fd);
    int result = real(fd); /* close(2): the descriptor is gone even if it fails */
    if (done == FAIL)
        REFUSE(-1);
    return result;
}
