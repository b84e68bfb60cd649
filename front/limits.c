/*
 * limits.c - the caller's resource limits, before there are threads.
 *
 * The caller's limits must not make privileged code fail half-way, so the monitor raises
 * its soft limits to the hard ones. If a hard limit is too low, the Go runtime would end
 * in a crash text. Then capsu is refused here, in C, with a message that names the limit.
 *
 * MUST refuse before anything is opened.
 * MUST set limits only once the process is the guard: until then the caller can set
 *   them back.
 */
#define _GNU_SOURCE
#include "front.h"
#include "interpose.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MB (1024UL * 1024)

/* The hard limits that the runtime and PAM modules need, measured and rounded up. */
static const struct {
	int resource;
	rlim_t least;
	const char *name, *shell;
} needed[] = {
	{RLIMIT_AS, 2048 * MB, "address space (RLIMIT_AS)", "ulimit -v"}, /* 1.5 GB are reserved, not used */
	{RLIMIT_DATA, 128 * MB, "data (RLIMIT_DATA)", "ulimit -d"},
	{RLIMIT_STACK, MB, "stack (RLIMIT_STACK)", "ulimit -s"},
	{RLIMIT_NOFILE, 64, "open files (RLIMIT_NOFILE)", "ulimit -n"},
	/* otherwise a caller could keep modules from recording a failed attempt */
	{RLIMIT_FSIZE, 1024 * MB, "file size (RLIMIT_FSIZE)", "ulimit -f"},
	{RLIMIT_CPU, 10, "processor time (RLIMIT_CPU)", "ulimit -t"},
};

static void refuse_limit(size_t i)
{
	char what[128], hint[128];

	snprintf(what, sizeof what, "hard limit of %s: too low to start", needed[i].name);
	snprintf(hint, sizeof hint, "raise the limit: %s", needed[i].shell);
	start_refuse(what, hint);
}

/* The kernel kills a real-time process that has not slept for RLIMIT_RTTIME. A caller
 * could choose it so that the monitor ends before it writes a record. */
static void refuse_short_real_time(void)
{
	int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;

	if ((policy == SCHED_FIFO || policy == SCHED_RR) && started.limits[RLIMIT_RTTIME].rlim_max < 10 * 1000000UL)
		start_refuse("hard limit of real-time processor time (RLIMIT_RTTIME): too low to start",
		             "raise the limit, or start capsu without real-time scheduling: chrt -o 0");
}

void limits_check(void)
{
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (started.limits[needed[i].resource].rlim_max < needed[i].least)
			refuse_limit(i);
	refuse_short_real_time();
}

/* A call by number, since this program's setrlimit only records (interpose/limits.c). */
static int set_limit(int resource, struct rlimit l)
{
	return (int)syscall(SYS_prlimit64, 0, resource, &l, NULL);
}

int limits_replace(void)
{
	static const int raised[] = {RLIMIT_SIGPENDING, RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_FSIZE, RLIMIT_CPU, RLIMIT_RTTIME, RLIMIT_NPROC};
	struct rlimit l;
	pthread_attr_t attr;

	for (size_t i = 0; i < sizeof raised / sizeof *raised; i++) {
		l = started.limits[raised[i]];
		l.rlim_cur = l.rlim_max;
		if (set_limit(raised[i], l) < 0)
			return -1;
	}
	l = started.limits[RLIMIT_NOFILE];
	if (l.rlim_cur < USUAL_FILES)
		l.rlim_cur = l.rlim_max < USUAL_FILES ? l.rlim_max : USUAL_FILES;
	if (set_limit(RLIMIT_NOFILE, l) < 0)
		return -1;
	/* otherwise threads get a stack of the size of the caller's limit at start */
	if (pthread_attr_init(&attr) != 0 || pthread_attr_setstacksize(&attr, MB) != 0 ||
	    pthread_setattr_default_np(&attr) != 0)
		return -1;
	return pthread_attr_destroy(&attr) == 0 ? 0 : -1;
}
