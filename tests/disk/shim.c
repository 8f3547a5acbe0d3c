/* Fails the call number FAULT_CALL (from 0) of those that touch files below FAULT_DIR, but not below its index, which
 * is rebuilt: FAULT_HOW is `nothing`, `part` or `all`. Writes what was called, a letter a call, to FAULT_LOG. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int calls;

static int below(const char *path) {
    const char *dir = getenv("FAULT_DIR");
    if (!dir || !path || strncmp(path, dir, strlen(dir)) != 0) return 0;
    return strncmp(path + strlen(dir), "/index", 6) != 0;
}

static int of_fd(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0) return 0;
    path[len] = 0;
    return below(path);
}

/* 0: as it should be; else the first letter of what is to happen. */
static char plan(char letter) {
    const char *at = getenv("FAULT_CALL"), *how = getenv("FAULT_HOW"), *log = getenv("FAULT_LOG");
    int number = __atomic_fetch_add(&calls, 1, __ATOMIC_SEQ_CST);
    if (log) {
        FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");
        FILE *file = real(log, "a");
        if (file) {
            fputc(letter, file);
            fclose(file);
        }
    }
    return at && how && number == atoi(at) ? how[0] : 0;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define BROKEN do { errno = EIO; return -1; } while (0)

#define PWRITE(name, offset_t)                                                  \
    ssize_t name(int fd, const void *bytes, size_t len, offset_t offset) {      \
        REAL(name);                                                             \
        char how = of_fd(fd) ? plan('w') : 0;                                   \
        if (how == 'p') real(fd, bytes, len / 2, offset);                       \
        if (how == 'a') real(fd, bytes, len, offset);                           \
        if (how) BROKEN;                                                        \
        return real(fd, bytes, len, offset);                                    \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *bytes, size_t len) {
    REAL(write);
    char how = of_fd(fd) ? plan('w') : 0;
    if (how == 'p') real(fd, bytes, len / 2);
    if (how == 'a') real(fd, bytes, len);
    if (how) BROKEN;
    return real(fd, bytes, len);
}

#define ONE_FD(name, letter)                                                    \
    int name(int fd) {                                                          \
        REAL(name);                                                             \
        char how = of_fd(fd) ? plan(letter) : 0;                                \
        if (how == 'a') real(fd);                                               \
        if (how) BROKEN;                                                        \
        return real(fd);                                                        \
    }
ONE_FD(fdatasync, 'd')
ONE_FD(fsync, 'f')

#define TRUNCATE(name, offset_t)                                                \
    int name(int fd, offset_t len) {                                            \
        REAL(name);                                                             \
        char how = of_fd(fd) ? plan('t') : 0;                                   \
        if (how == 'a') real(fd, len);                                          \
        if (how) BROKEN;                                                        \
        return real(fd, len);                                                   \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int rename(const char *from, const char *to) {
    REAL(rename);
    char how = below(to) ? plan('r') : 0;
    if (how == 'a') real(from, to);
    if (how) BROKEN;
    return real(from, to);
}

#define OPEN(name)                                                              \
    int name(const char *path, int flags, ...) {                                \
        REAL(name);                                                             \
        va_list list;                                                           \
        va_start(list, flags);                                                  \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; \
        va_end(list);                                                           \
        char how = below(path) ? plan('o') : 0;                                 \
        if (how == 'a') close(real(path, flags, mode));                         \
        if (how) BROKEN;                                                        \
        return real(path, flags, mode);                                         \
    }
OPEN(open)
OPEN(open64)
