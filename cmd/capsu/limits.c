/*
 * limits.c - the caller's resource limits, before there are threads.
 *
 * A limit of the caller's must not make privileged code fail half-way: the
 * monitor's soft limits are raised to the hard ones. Where a hard limit is too
 * low even to start the Go runtime, which would end in a crash text, the
 * attempt is refused here, in C, in words that name the limit.
 *
 * MUST refuse before anything is opened.
 * MUST set limits only when the caller can no longer set them back: after the
 *   change to the guard's identity.
 */
#define _GNU_SOURCE
#include "start.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MB (1024UL * 1024)

/* What the runtime and PAM modules need, measured and rounded up. */
static const struct {
	int resource;
	rlim_t least;
	const char *name, *shell;
} needed[] = {
	/* psx and glibc tell each thread of a change of identity by a queued
	 * signal; without room for one they hang, or change one thread only. */
	{RLIMIT_SIGPENDING, FRONT_MIN_SIGPENDING, "pending signals (RLIMIT_SIGPENDING)", "ulimit -i"},
	{RLIMIT_AS, 2048 * MB, "address space (RLIMIT_AS)", "ulimit -v"}, /* reserved, not used: 1.5 GB */
	{RLIMIT_DATA, 128 * MB, "data (RLIMIT_DATA)", "ulimit -d"},
	{RLIMIT_STACK, MB, "stack (RLIMIT_STACK)", "ulimit -s"},
	{RLIMIT_NOFILE, 64, "open files (RLIMIT_NOFILE)", "ulimit -n"},
	/* else a caller could keep modules from recording his failures */
	{RLIMIT_FSIZE, 1024 * MB, "file size (RLIMIT_FSIZE)", "ulimit -f"},
	{RLIMIT_CPU, 10, "processor time (RLIMIT_CPU)", "ulimit -t"},
	{RLIMIT_NPROC, 16, "processes (RLIMIT_NPROC)", "ulimit -u"}, /* the last: not for root */
};
enum { NEEDED = sizeof needed / sizeof *needed };

/* How many tasks a session adds to the guard's, at most: the runtime's
 * threads, the child, a helper of a module. */
#define TASKS 10

void front_refuse(const char *what, const char *hint)
{
	char text[512];
	int n = snprintf(text, sizeof text, "capsu: %s\ncapsu: hint: %s\n", what, hint);

	if (front_start.monitor)
		front_end(FRONT_END, 1);
	if (write(2, text, (size_t)n) < 0)
		_exit(1);
	_exit(1);
}

static void refuse_limit(int i)
{
	char what[128], hint[128];

	snprintf(what, sizeof what, "hard limit of %s: too low to start", needed[i].name);
	snprintf(hint, sizeof hint, "raise the limit: %s", needed[i].shell);
	front_refuse(what, hint);
}

void limits_check(void)
{
	for (int i = 0; i < (front_start.uid == 0 ? NEEDED - 1 : NEEDED); i++)
		if (front_start.limits[needed[i].resource].rlim_max < needed[i].least)
			refuse_limit(i);
}

/* A real-time process that has not slept for RLIMIT_RTTIME the kernel kills:
 * with it a caller could time the monitor's end to before a record. */
static void refuse_short_real_time(void)
{
	int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;

	if ((policy == SCHED_FIFO || policy == SCHED_RR) && front_start.limits[RLIMIT_RTTIME].rlim_max < 10 * 1000000UL)
		front_refuse("hard limit of real-time processor time (RLIMIT_RTTIME): too low to start",
		             "raise the limit, or start capsu without real-time scheduling: chrt -o 0");
}

int limits_replace(void)
{
	static const int raised[] = {RLIMIT_SIGPENDING, RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_FSIZE, RLIMIT_CPU, RLIMIT_RTTIME};
	struct rlimit l;
	pthread_attr_t attr;

	refuse_short_real_time();
	for (size_t i = 0; i < sizeof raised / sizeof *raised; i++) {
		l = front_start.limits[raised[i]];
		l.rlim_cur = l.rlim_max;
		if (setrlimit(raised[i], &l) < 0)
			return -1;
	}
	l = front_start.limits[RLIMIT_NOFILE];
	if (l.rlim_cur < 1024)
		l.rlim_cur = l.rlim_max < 1024 ? l.rlim_max : 1024;
	if (setrlimit(RLIMIT_NOFILE, &l) < 0)
		return -1;
	/* else threads get the stack that the caller's limit said at start */
	if (pthread_attr_init(&attr) != 0 || pthread_attr_setstacksize(&attr, MB) != 0 ||
	    pthread_setattr_default_np(&attr) != 0)
		return -1;
	return pthread_attr_destroy(&attr) == 0 ? 0 : -1;
}

/* All sessions are the guard's, and so are their tasks: with a low limit of
 * this caller's there may be no room for threads, which ends the runtime. One
 * fork under a limit lowered by what is needed tells. */
int limits_room_for_threads(void)
{
	struct rlimit l = front_start.limits[RLIMIT_NPROC];
	pid_t pid;

	if (l.rlim_max != RLIM_INFINITY && front_start.uid != 0) {
		l.rlim_cur = l.rlim_max - TASKS;
		if (setrlimit(RLIMIT_NPROC, &l) < 0)
			return -1;
		pid = fork();
		if (pid == 0)
			_exit(0);
		if (pid < 0 && errno == EAGAIN)
			front_refuse("too many processes for the hard limit (RLIMIT_NPROC), counting all sessions of capsu",
			             "raise the limit: ulimit -u; or end sessions");
		if (pid < 0)
			return -1;
		while (waitpid(pid, NULL, 0) < 0)
			if (errno != EINTR)
				return -1;
	}
	l.rlim_cur = l.rlim_max;
	return setrlimit(RLIMIT_NPROC, &l);
}
