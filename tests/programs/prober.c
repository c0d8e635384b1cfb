// Tries one act, which its first argument names, and exits with the errno of the call that failed: 0 if none did.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char **arguments;

// The call succeeded, or this process ends with its errno.
static long must(long answer) {
    if (answer == -1) _exit(errno);
    return answer;
}

static long number(int index) { return arguments[index] ? strtol(arguments[index], NULL, 10) : 0; }

static void say(const char *text) { must(write(1, text, strlen(text))); }

// --- files

static void read_file(void) {
    char buffer[64];
    must(read((int)must(open(arguments[2], O_RDONLY)), buffer, sizeof buffer));
}
static void list(void) {
    if (!opendir(arguments[2])) _exit(errno);
}
static void status(void) {
    struct stat found;
    must(lstat(arguments[2], &found));
}
static void create(void) { must(write((int)must(open(arguments[2], O_WRONLY | O_CREAT, 0600)), "x", 1)); }
static void change_directory(void) { must(chdir(arguments[2])); }
static void working_directory(void) {
    char path[4096];
    if (!getcwd(path, sizeof path)) _exit(errno);
    say(path);
}
// Writes so many bytes to a file.
static void fill(void) {
    static char block[65536];
    int file = (int)must(open(arguments[2], O_WRONLY | O_CREAT, 0600));
    if (arguments[4]) signal(SIGXFSZ, SIG_IGN);
    for (long left = number(3); left > 0; left -= (long)sizeof block) must(write(file, block, sizeof block));
}

// --- programs

static void run(void) { must(execve(arguments[2], arguments + 2, environ)); }
static void copy_of_self(int to) {
    char buffer[65536];
    int self = (int)must(open(arguments[0], O_RDONLY));
    for (long got; (got = must(read(self, buffer, sizeof buffer))) > 0;) must(write(to, buffer, (size_t)got));
    must(close(self));
}
// Writes a program or, with a text, a script; and runs it.
static void run_new(void) {
    int file = (int)must(open(arguments[2], O_WRONLY | O_CREAT | O_TRUNC, 0700));
    if (arguments[3]) must(write(file, arguments[3], strlen(arguments[3])));
    else copy_of_self(file);
    // Where the mode cannot be changed it may be right already.
    fchmod(file, 0755);
    must(close(file));
    char *new_arguments[] = {arguments[2], "exit", "0", NULL};
    must(execve(arguments[2], new_arguments, environ));
}
static int memory_file(void) {
    int file = (int)must(syscall(SYS_memfd_create, "program", 0));
    copy_of_self(file);
    return file;
}
static void run_memory_file(void) {
    char *new_arguments[] = {"program", "exit", "0", NULL};
    must(syscall(SYS_execveat, memory_file(), "", new_arguments, environ, AT_EMPTY_PATH));
}
static void run_memory_file_by_path(void) {
    char path[64], *new_arguments[] = {path, "exit", "0", NULL};
    snprintf(path, sizeof path, "/proc/self/fd/%d", memory_file());
    must(execve(path, new_arguments, environ));
}
static void run_descriptor(void) {
    char *new_arguments[] = {"program", "exit", "0", NULL};
    must(syscall(SYS_execveat, (int)must(open(arguments[2], O_RDONLY)), "", new_arguments, environ, AT_EMPTY_PATH));
}
static void map_code(void) {
    int file = (int)must(open(arguments[2], O_RDONLY));
    must((long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0));
}
static void map_writable_code(void) {
    must((long)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

// --- sockets

static void connect_tcp(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)number(2)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    must(connect((int)must(socket(AF_INET, SOCK_STREAM, 0)), (struct sockaddr *)&to, sizeof to));
}
static void send_udp(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)number(2)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    must(sendto((int)must(socket(AF_INET, SOCK_DGRAM, 0)), "x", 1, 0, (struct sockaddr *)&to, sizeof to));
}
// To a path, or with "@name" to an abstract name.
static void connect_unix(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path, arguments[2], sizeof to.sun_path - 1);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(arguments[2]));
    if (to.sun_path[0] == '@') to.sun_path[0] = 0;
    must(connect((int)must(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&to, length));
}
static void make_socket(void) { must(socket((int)number(2), (int)number(3), (int)number(4))); }

// --- other processes, and the kernel

static void send_signal(void) { must(kill((pid_t)number(2), (int)number(3))); }
static void signal_parent(void) { must(kill(getppid(), (int)number(2))); }
static void trace(void) { must(ptrace(PTRACE_SEIZE, (pid_t)number(2), 0, 0)); }
static void read_memory(void) {
    // Where this program has it, any other process of it has it.
    static char byte;
    struct iovec own = {&byte, 1}, other = {&byte, 1};
    must(process_vm_readv((pid_t)number(2), &own, 1, &other, 1, 0));
}
static void new_namespace(void) { must(unshare(CLONE_NEWUSER)); }
static void change_root(void) { must(chroot("/")); }
static void ring(void) {
    char parameters[120] = {0};
    must(syscall(SYS_io_uring_setup, 1, parameters));
}
static void raise_limit(void) {
    struct rlimit limit;
    must(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = limit.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &limit));
}
static void type_at_terminal(void) { must(ioctl(0, TIOCSTI, "x")); }
static void adopt(void) { must(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }

// --- what was inherited

static void descriptors(void) {
    for (int fd = 0; fd < 4096; fd++) {
        char text[16];
        if (fcntl(fd, F_GETFD) == -1) continue;
        snprintf(text, sizeof text, "%d ", fd);
        say(text);
    }
}
static void environment(void) {
    for (char **variable = environ; *variable; variable++) {
        say(*variable);
        say("\n");
    }
}
static void names(void) {
    for (char **name = arguments; *name; name++) {
        say(*name);
        say("\n");
    }
}
// Which signals are not as a process finds them when it starts: ignored, handled or blocked.
static void signals(void) {
    sigset_t blocked;
    must(sigprocmask(SIG_BLOCK, NULL, &blocked));
    for (int signal = 1; signal <= 64; signal++) {
        struct sigaction action;
        char text[16];
        if (sigaction(signal, NULL, &action) == -1) continue;
        if (action.sa_handler == SIG_DFL && !sigismember(&blocked, signal)) continue;
        snprintf(text, sizeof text, "%d ", signal);
        say(text);
    }
}

// --- ends

static void end(void) { _exit((int)number(2)); }
// By a signal of any number: libc keeps some for itself.
static void end_by(void) {
    long zeros[4] = {0};
    syscall(SYS_rt_sigaction, number(2), zeros, NULL, 8);
    must(syscall(SYS_tgkill, getpid(), getpid(), number(2)));
}
static void fault(void) { *(volatile int *)8 = 1; }
static void sleep_on(void) {
    say("asleep\n");
    for (;;) pause();
}
static volatile sig_atomic_t caught;
static void catch(int signal) { caught = signal; }
// Exits with the number of the first signal that comes.
static void wait_for_signal(void) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int number = 1; number < 32; number++) signal(number, catch);
    say("ready\n");
    while (!caught) sigsuspend(&none);
    _exit(caught);
}
static void ignore_everything(void) {
    for (int number = 1; number <= 64; number++) signal(number, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}
// Leaves a grandchild behind that ends by itself only when it is killed. Then exits or, with a third argument, sleeps.
static void leave_behind(void) {
    int ready[2];
    char byte;
    must(pipe(ready));
    if (must(fork()) == 0) {
        must(setsid());
        if (must(fork()) != 0) _exit(0);
        ignore_everything();
        must(write(ready[1], "x", 1));
        for (;;) sigsuspend(&(sigset_t){0}), usleep(1000);
    }
    must(wait(NULL));
    must(read(ready[0], &byte, 1));
    say("left\n");
    if (arguments[2] && arguments[3]) sleep_on();
}
static void close_output(void) {
    say("over\n");
    must(close(1));
    must(close(2));
    for (;;) pause();
}

// --- resources

static void spin(void) {
    for (;;) __asm__ volatile("");
}
static void take_memory(void) {
    size_t size = (size_t)number(2);
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must((long)memory);
    memset(memory, 1, size);
}
static void open_many(void) {
    char text[16];
    int opened = 0;
    while (dup(0) != -1) opened++;
    snprintf(text, sizeof text, "%d\n", opened);
    int error = errno;
    say(text);
    _exit(error);
}
static void *rest(void *unused) {
    for (;;) pause();
    return unused;
}
static void start_threads(void) {
    for (long left = number(2); left > 0; left--) {
        pthread_t thread;
        int error = pthread_create(&thread, NULL, rest, NULL);
        if (error) _exit(error);
    }
}
// Starts so many processes that do nothing, and ends them when they have been seen.
static void start_processes(void) {
    pid_t started[1024];
    long count = 0;
    int error = 0;
    while (count < number(2) && !error) {
        pid_t child = fork();
        if (child == 0) rest(NULL);
        if (child == -1) error = errno;
        else started[count++] = child;
    }
    usleep((useconds_t)number(3) * 1000);
    while (count > 0) kill(started[--count], SIGKILL);
    _exit(error);
}
// Every process starts others, in a session of its own each, as fast as it can.
static void bomb(void) {
    for (;;) {
        if (fork() == 0) {
            setsid();
            ignore_everything();
        }
    }
}

static const struct {
    const char *name;
    void (*act)(void);
} acts[] = {
    {"read", read_file}, {"list", list}, {"stat", status}, {"create", create}, {"chdir", change_directory},
    {"getcwd", working_directory}, {"fill", fill}, {"run", run}, {"run-new", run_new}, {"run-memory", run_memory_file},
    {"run-memory-by-path", run_memory_file_by_path}, {"run-descriptor", run_descriptor}, {"map-code", map_code},
    {"map-writable-code", map_writable_code}, {"connect", connect_tcp}, {"send", send_udp}, {"connect-unix", connect_unix},
    {"socket", make_socket}, {"kill", send_signal}, {"kill-parent", signal_parent}, {"trace", trace},
    {"read-memory", read_memory}, {"unshare", new_namespace}, {"chroot", change_root}, {"io_uring", ring},
    {"raise-limit", raise_limit}, {"type", type_at_terminal}, {"adopt", adopt}, {"descriptors", descriptors},
    {"environment", environment}, {"arguments", names}, {"signals", signals}, {"exit", end}, {"end-by", end_by},
    {"fault", fault}, {"sleep", sleep_on}, {"wait-for-signal", wait_for_signal}, {"leave-behind", leave_behind},
    {"close-output", close_output}, {"spin", spin}, {"take-memory", take_memory}, {"open-many", open_many},
    {"start-threads", start_threads}, {"start-processes", start_processes}, {"bomb", bomb},
};

int main(int count, char **given) {
    arguments = given;
    for (size_t index = 0; count > 1 && index < sizeof acts / sizeof *acts; index++) {
        if (strcmp(given[1], acts[index].name)) continue;
        acts[index].act();
        _exit(0);
    }
    _exit(255);
}
