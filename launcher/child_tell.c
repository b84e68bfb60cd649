/*
 * child_tell.c - what the child reports of its steps, and its signals; see child.c,
 * whose rules hold here.
 */
#define _GNU_SOURCE
#include "child.h"
#include "sets.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

const char *child_step_name(int step)
{
	static const char *const names[] = {
#define X(name, text) text,
		CHILD_STEPS(X)
#undef X
	};
	return step >= 0 && step < (int)(sizeof names / sizeof *names) ? names[step] : "unknown step";
}

void child_tell(const struct child_spec *s, int step, int err, uint64_t want, uint64_t got)
{
	struct child_report r = {step, err, want, got};

	while (write(s->report, &r, sizeof r) < 0 && errno == EINTR)
		;
}

void child_fail(const struct child_spec *s, int step)
{
	child_tell(s, step, errno, 0, 0);
	_exit(1);
}

void child_same(const struct child_spec *s, int step, uint64_t want, uint64_t got)
{
	if (want != got) {
		child_tell(s, step, 0, want, got);
		_exit(1);
	}
}

/* Every disposition and the mask as the session shall have them. The Go
 * runtime's handlers must never run here: all signals are blocked till now. */
void child_default_signals(const struct child_spec *s)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};

	sigemptyset(&sa.sa_mask);
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33)
			continue; /* not to be set; the last two the C library keeps */
		sa.sa_handler = s->ignored & BIT(sig - 1) ? SIG_IGN : SIG_DFL;
		if (sigaction(sig, &sa, NULL) < 0)
			child_fail(s, CHILD_SIGNALS);
	}
}

void child_unblock(const struct child_spec *s)
{
	sigset_t set;

	sigemptyset(&set);
	for (int sig = 1; sig <= 64; sig++)
		if (s->mask & BIT(sig - 1))
			sigaddset(&set, sig);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		child_fail(s, CHILD_SIGNALS);
}
