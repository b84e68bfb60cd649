/*
 * child_limits.c - the session's resource limits, in the child; see child.c, whose rules hold here.
 */
#define _GNU_SOURCE
#include "child.h"

/* Where a module was allowed to record a higher one, this is where it is obeyed:
 * later nothing is effective. */
static void raise_hard_limits(const struct child_spec *s)
{
	struct rlimit l;

	for (int r = 0; r < RLIM_NLIMITS; r++) {
		if (getrlimit(r, &l) < 0)
			child_fail(s, CHILD_LIMITS);
		if (s->limits[r].rlim_max <= l.rlim_max)
			continue;
		l.rlim_max = s->limits[r].rlim_max;
		if (setrlimit(r, &l) < 0)
			child_fail(s, CHILD_LIMITS);
	}
}

/* The limit of processes is obeyed from before the change of uid: there the kernel
 * compares, and exec(2) is refused to whom it was then and still is too low for. The
 * leader of a terminal's session is one process more than su's. */
static void limit_processes(const struct child_spec *s)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NPROC, &l) < 0)
		child_fail(s, CHILD_LIMITS);
	l.rlim_cur = s->limits[RLIMIT_NPROC].rlim_cur;
	/* With a terminal fork(2) compares instead, which counts the new process already. */
	if (s->terminal >= 0)
		l.rlim_cur = l.rlim_max - l.rlim_cur < 2 ? l.rlim_max : l.rlim_cur + 2;
	if (setrlimit(RLIMIT_NPROC, &l) < 0)
		child_fail(s, CHILD_LIMITS);
}

void child_limits_first(const struct child_spec *s)
{
	raise_hard_limits(s);
	limit_processes(s);
}

void child_limits(const struct child_spec *s)
{
	for (int r = 0; r < RLIM_NLIMITS; r++)
		if (setrlimit(r, &s->limits[r]) < 0)
			child_fail(s, CHILD_LIMITS);
}
