/*
 * misbehave.c - a PAM module that does what no module should do. Its arguments are
 * PHASE=DEED. The phases are auth setcred account open close delete, and end: in
 * pam_end, of the monitor and of the session's first process.
 *
 *   user             PAM_USER becomes beta
 *   messages0 messages-1 messages33   so many messages to the conversation
 *   style            a message of an unknown style
 *   null             messages without text
 *   children         two children are left, one of them dead; FILE=PATH gets the living one's pid
 *   handlers         handlers of its own for signals that the monitor uses
 *   uid asmuid       another uid for this thread alone, by syscall(2) or without libc
 *   setuidcaller     setuid(getuid()): all of it is given up for good
 *   gids groups      other groups for this thread alone
 *   nnp securebits lockedbits nocaps noeffective   of this thread alone
 *   threads timer rawclone   threads that stay: by pthread_create, by glibc
 *                    itself, and by clone(2)
 *   spawn system popen   a program is run
 *   weakfork         a child gives up its capabilities, not uid 0, and forks
 *   limits prlimit rawlimits   limits of nothing, by three calls
 *   exit _exit abort crash kill   the process ends
 *   hang             it never returns; FILE.PID is there once it hangs
 *   spin             the same, and it uses the processor
 *   leak             descriptors, many, without close-on-exec
 *   end              it asks a question when pam_end calls it
 */
#define _GNU_SOURCE
#include "phases.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sched.h>
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int converse(pam_handle_t *h, int n, int style, const char *text)
{
	const struct pam_conv *conv;
	struct pam_message message = {style, text};
	const struct pam_message *list[64];
	struct pam_response *answers = NULL;

	for (int i = 0; i < 64; i++)
		list[i] = &message;
	if (pam_get_item(h, PAM_CONV, (const void **)&conv) != PAM_SUCCESS || conv->conv == NULL)
		return PAM_SERVICE_ERR;
	int status = conv->conv(n, list, &answers, conv->appdata_ptr);
	if (status == PAM_SUCCESS && answers != NULL) {
		for (int i = 0; i < n; i++)
			free(answers[i].resp);
		free(answers);
	}
	return status;
}

static void at_end(pam_handle_t *h, void *data, int status)
{
	(void)data, (void)status;
	converse(h, 1, PAM_PROMPT_ECHO_OFF, "At the end: ");
}

static void handler(int number)
{
	(void)number;
}

static void take_signals(void)
{
	static const int taken[] = {SIGCHLD, SIGTERM, SIGINT, SIGPIPE, SIGURG, SIGPROF, SIGALRM};
	struct sigaction mine = {.sa_handler = handler};

	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		sigaction(taken[i], &mine, NULL);
}

static void leave_children(const char *file)
{
	if (fork() == 0)
		_exit(7);
	pid_t living = fork();
	if (living == 0) {
		for (int fd = 0; fd < 64; fd++)
			close(fd);
		for (;;)
			pause();
	}
	FILE *f = fopen(file, "a");
	if (f != NULL) {
		fprintf(f, "%d\n", living);
		fclose(f);
	}
}

static void no_limits(const char *call)
{
	const struct rlimit none = {0, 0};

	for (int r = 0; r < RLIM_NLIMITS; r++)
		if (strcmp(call, "limits") == 0)
			setrlimit(r, &none);
		else if (strcmp(call, "prlimit") == 0)
			prlimit(0, r, &none, NULL);
		else
			syscall(SYS_prlimit64, 0, r, &none, NULL);
}

/* Without the C library, which could be told of it. */
static long raw(long number, long a, long b, long c)
{
#if defined __x86_64__
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
#elif defined __aarch64__
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
#else
#error "how a call is made without the C library is not known for this processor"
#endif
}

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static int raw_thread(void *unused)
{
	(void)unused;
	for (;;)
		raw(SYS_nanosleep, (long)&(struct timespec){3600, 0}, 0, 0);
	return 0;
}

static void timer_thread(union sigval unused)
{
	(void)unused;
}

static void start_threads(const char *how)
{
	static char stack[65536] __attribute__((aligned(16)));
	struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = timer_thread};
	timer_t timer;
	pthread_t thread;

	if (strcmp(how, "timer") == 0)
		timer_create(CLOCK_MONOTONIC, &event, &timer);
	else if (strcmp(how, "rawclone") == 0)
		clone(raw_thread, stack + sizeof stack,
			CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL);
	else
		for (int i = 0; i < 3; i++)
			pthread_create(&thread, NULL, wait_for_ever, NULL);
}

static void run_program(const char *how)
{
	char *argv[] = {"true", NULL}, *none[] = {NULL};
	pid_t pid;
	FILE *f;

	if (strcmp(how, "system") == 0) {
		if (system("true") != 0)
			fprintf(stderr, "misbehave: system\n");
	} else if (strcmp(how, "popen") == 0) {
		if ((f = popen("true", "r")) != NULL)
			pclose(f);
	} else if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, none) == 0) {
		waitpid(pid, NULL, 0);
	}
}

/* Of a child that has uid 0 and no capability, and forks. */
static int weak_fork(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {{0}};
	int status = -1;
	pid_t pid = fork(), inner;

	if (pid == 0) {
		inner = syscall(SYS_capset, &h, none) < 0 ? -1 : fork();
		if (inner == 0)
			_exit(3);
		waitpid(inner, &status, 0);
		_exit(WIFEXITED(status) && WEXITSTATUS(status) == 3 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return status == 0 ? PAM_SUCCESS : PAM_SYSTEM_ERR;
}

static void change_capabilities(const char *how)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {{0}};

	if (strcmp(how, "noeffective") == 0) {
		syscall(SYS_capget, &h, d);
		d[0].effective = d[1].effective = 0;
	}
	if (strcmp(how, "securebits") == 0)
		prctl(PR_SET_SECUREBITS, 0, 0, 0, 0);
	else if (strcmp(how, "lockedbits") == 0)
		prctl(PR_SET_SECUREBITS, SECURE_ALL_BITS | SECURE_ALL_LOCKS, 0, 0, 0);
	else
		syscall(SYS_capset, &h, d);
}

/* Changes of ids that no library sees, or that are for good. */
static void change_ids(const char *how)
{
	if (strcmp(how, "uid") == 0)
		syscall(SYS_setresuid, 65534, 65534, -1);
	else if (strcmp(how, "asmuid") == 0)
		raw(SYS_setresuid, 65534, 65534, -1);
	else if (strcmp(how, "gids") == 0)
		raw(SYS_setresgid, 65534, 65534, 65534);
	else if (strcmp(how, "groups") == 0)
		raw(SYS_setgroups, 0, 0, 0);
	else if (setuid(getuid()) < 0)
		perror("misbehave: setuid");
}

static int is_one_of(const char *what, const char *list)
{
	char word[32];

	snprintf(word, sizeof word, " %s ", what);
	return strstr(list, word) != NULL;
}

static void stay(const char *what, const char *file)
{
	char name[256];

	snprintf(name, sizeof name, "%s.%d", file, getpid());
	close(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
	for (;;)
		if (strcmp(what, "hang") == 0)
			pause();
}

static int deed(pam_handle_t *h, const char *what, const char *file)
{
	if (strcmp(what, "user") == 0)
		return pam_set_item(h, PAM_USER, "beta");
	if (strncmp(what, "messages", 8) == 0)
		return converse(h, atoi(what + 8), PAM_TEXT_INFO, "text");
	if (strcmp(what, "style") == 0)
		return converse(h, 1, 99, "text");
	if (strcmp(what, "null") == 0) {
		converse(h, 1, PAM_TEXT_INFO, NULL);
		return converse(h, 1, PAM_ERROR_MSG, NULL);
	}
	if (strcmp(what, "weakfork") == 0)
		return weak_fork();
	if (strcmp(what, "children") == 0)
		leave_children(file);
	else if (strcmp(what, "handlers") == 0)
		take_signals();
	else if (is_one_of(what, " uid asmuid setuidcaller gids groups "))
		change_ids(what);
	else if (is_one_of(what, " securebits lockedbits nocaps noeffective "))
		change_capabilities(what);
	else if (is_one_of(what, " threads timer rawclone "))
		start_threads(what);
	else if (is_one_of(what, " spawn system popen "))
		run_program(what);
	else if (is_one_of(what, " limits prlimit rawlimits "))
		no_limits(what);
	else if (strcmp(what, "nnp") == 0)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	else if (strcmp(what, "exit") == 0)
		exit(0);
	else if (strcmp(what, "_exit") == 0)
		_exit(0);
	else if (strcmp(what, "abort") == 0)
		abort();
	else if (strcmp(what, "crash") == 0)
		*(volatile int *)8 = 0;
	else if (strcmp(what, "kill") == 0)
		kill(getpid(), SIGKILL);
	else if (strcmp(what, "leak") == 0)
		for (int i = 0; i < 50; i++)
			open("/etc/passwd", O_RDONLY);
	else if (strcmp(what, "end") == 0)
		return pam_set_data(h, "misbehave", (void *)what, at_end);
	if (strcmp(what, "hang") == 0 || strcmp(what, "spin") == 0)
		stay(what, file);
	return PAM_SUCCESS;
}

static void late(pam_handle_t *h, void *data, int status)
{
	const char *what = data, *file = strchr(what, ' ') + 1;
	char name[32];

	(void)status;
	snprintf(name, sizeof name, "%.*s", (int)(file - what - 1), what);
	deed(h, name, file);
	free(data);
}

/* What pam_end shall do is set once. */
static int deed_at_end(pam_handle_t *h, const char *what, const char *file)
{
	char *both = malloc(strlen(what) + strlen(file) + 2);

	if (both == NULL)
		return PAM_BUF_ERR;
	sprintf(both, "%s %s", what, file);
	return pam_set_data(h, "misbehave at the end", both, late);
}

int act(pam_handle_t *h, const char *phase, int argc, const char **argv)
{
	const char *file = "/dev/null";
	int status = PAM_SUCCESS;
	size_t n = strlen(phase);

	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "FILE=", 5) == 0)
			file = argv[i] + 5;
	for (int i = 0; i < argc && status == PAM_SUCCESS; i++)
		if (strncmp(argv[i], phase, n) == 0 && argv[i][n] == '=')
			status = deed(h, argv[i] + n + 1, file);
		else if (strcmp(phase, "auth") == 0 && strncmp(argv[i], "end=", 4) == 0)
			status = deed_at_end(h, argv[i] + 4, file);
	return status;
}
