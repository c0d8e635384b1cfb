/* The program that commands start: performs one act and ends with its errno, or with 0. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int answer(long result) { return result < 0 ? errno : 0; }

static int open_and_read(const char *path)
{
    char byte;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    return file < 0 ? errno : answer(read(file, &byte, 1));
}

static int connect_to(int domain, const void *address, socklen_t length)
{
    int stream = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return stream < 0 ? errno : answer(connect(stream, address, length));
}

static int connect_to_port(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect_to(AF_INET, &address, sizeof address);
}

static int connect_to_path(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    return connect_to(AF_UNIX, &address, sizeof address);
}

/* struct clone_args of the kernel, version 0. */
static int clone3(void)
{
    uint64_t arguments[8] = { [4] = SIGCHLD };
    long child = syscall(SYS_clone3, arguments, sizeof arguments);
    if (child == 0)
        _exit(0);
    return child < 0 ? errno : answer(waitpid(child, NULL, 0));
}

static int any_descriptor(void)
{
    for (int number = 3; number < 1024; number++)
        if (fcntl(number, F_GETFD) >= 0)
            return 0;
    return EBADF;
}

/* Every call from one number to another but some, each argument -1. Prints a line a call: number and errno. */
static int sweep(char **arguments)
{
    static char left_out[1024];
    long first = atol(arguments[0]), last = atol(arguments[1]);
    for (char *number = strtok(arguments[2], ","); number; number = strtok(NULL, ","))
        if (atol(number) < (long)sizeof left_out)
            left_out[atol(number)] = 1;
    for (long number = first; number <= last; number++)
        if (number >= (long)sizeof left_out || !left_out[number])
            printf("%ld %d\n", number, answer(syscall(number, -1L, -1L, -1L, -1L, -1L, -1L)));
    return 0;
}

int main(int count, char **arguments)
{
    const char *act = count > 1 ? arguments[1] : "";
    struct stat status;
    struct sysinfo information;
    long words[7] = { 0 };

    if (!strcmp(act, "read") && count == 3)
        return open_and_read(arguments[2]);
    if (!strcmp(act, "stat") && count == 3)
        return answer(stat(arguments[2], &status));
    if (!strcmp(act, "open") && count == 4)
        return answer(open(arguments[2], atoi(arguments[3]) | O_CLOEXEC, 0600));
    if (!strcmp(act, "truncate") && count == 3)
        return answer(truncate(arguments[2], 0));
    if (!strcmp(act, "remove") && count == 3)
        return answer(unlink(arguments[2]));
    if (!strcmp(act, "tcp") && count == 3)
        return connect_to_port(atoi(arguments[2]));
    if (!strcmp(act, "unix") && count == 3)
        return connect_to_path(arguments[2]);
    if (!strcmp(act, "sysinfo"))
        return answer(sysinfo(&information));
    if (!strcmp(act, "clone3"))
        return clone3();
    if (!strcmp(act, "descriptor") && count == 3)
        return answer(fcntl(atoi(arguments[2]), F_GETFD));
    if (!strcmp(act, "any-descriptor"))
        return any_descriptor();
    if (!strcmp(act, "sweep") && count == 5)
        return sweep(arguments + 2);
    if (!strcmp(act, "call") && count > 2 && count < 10) {
        for (int word = 0; word < count - 2; word++)
            words[word] = atol(arguments[word + 2]);
        return answer(syscall(words[0], words[1], words[2], words[3], words[4], words[5], words[6]));
    }
    if (!strcmp(act, "environment")) {
        for (char **variable = environ; *variable; variable++)
            puts(*variable);
        return 0;
    }
    fputs("the prober does not know this act\n", stderr);
    return 255;
}
