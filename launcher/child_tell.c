/*
 * child_tell.c - the child's reports, and its signals. The rules of child.c hold.
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

void child_expect(const struct child_spec *s, int step, uint64_t want, uint64_t got)
{
	if (want != got) {
		child_tell(s, step, 0, want, got);
		_exit(1);
	}
}

/* All signals are blocked meanwhile, since the Go runtime's handlers must not run in the
 * child. */
void child_set_signals(const struct child_spec *s)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};

	sigemptyset(&sa.sa_mask);
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33)
			continue; /* the kernel refuses the first two, the C library keeps the others */
		sa.sa_handler = s->ignored & BIT(sig - 1) ? SIG_IGN : SIG_DFL;
		if (sigaction(sig, &sa, NULL) < 0)
			child_fail(s, CHILD_SIGNALS);
	}
}

void child_set_mask(const struct child_spec *s)
{
	sigset_t set;

	sigemptyset(&set);
	for (int sig = 1; sig <= 64; sig++)
		if (s->mask & BIT(sig - 1))
			sigaddset(&set, sig);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		child_fail(s, CHILD_SIGNALS);
}
