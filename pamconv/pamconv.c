#include "pamconv.h"
#include "_cgo_export.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* libpam calls it after an authentication; pam_fail_delay(3), PAM_FAIL_DELAY. */
static void sleep_delay(int status, unsigned usec, void *appdata)
{
	struct timespec t;

	if (status == PAM_SUCCESS)
		return;
	/* Go writes the record of a failure before the sleep, which the caller could end */
	if (!capsuFailed(status, (uintptr_t)appdata) || clock_gettime(CLOCK_MONOTONIC, &t) < 0)
		return;
	t.tv_sec += usec / 1000000;
	t.tv_nsec += usec % 1000000 * 1000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000L;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

int capsu_fail_delay(pam_handle_t *pamh, unsigned usec)
{
	int status = pam_set_item(pamh, PAM_FAIL_DELAY, (const void *)sleep_delay);

	return status == PAM_SUCCESS ? pam_fail_delay(pamh, usec) : status;
}

size_t capsu_count(char **list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

static pid_t guarded;
static int open_transactions;

static void fail(void)
{
	if (open_transactions > 0 && getpid() == guarded) /* a module's child may exit as it likes */
		_exit(1);
}

int capsu_guard_exit(int on)
{
	open_transactions += on ? 1 : -1;
	if (guarded != 0)
		return 0;
	guarded = getpid();
	return atexit(fail);
}

void capsu_faults(int on)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	static struct sigaction runtimes[sizeof faults / sizeof *faults];
	const struct sigaction defaults = {.sa_handler = SIG_DFL};

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (on)
			sigaction(faults[i], &defaults, &runtimes[i]);
		else
			sigaction(faults[i], &runtimes[i], NULL);
}
