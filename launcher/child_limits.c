/*
 * child_limits.c - the session's resource limits, in the child. The rules of child.c hold.
 */
#define _GNU_SOURCE
#include "child.h"

/* Raises the hard limits that a module has raised in the record. Later nothing is
 * effective. */
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

/* Sets the limit of processes before the change of uid. The kernel notes there whether the
 * target has too many, and execve(2) then fails if it still has. The leader is one process
 * more than su has. */
static void limit_processes(const struct child_spec *s)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NPROC, &l) < 0)
		child_fail(s, CHILD_LIMITS);
	l.rlim_cur = s->limits[RLIMIT_NPROC].rlim_cur;
	/* With a terminal fork(2) checks the limit, and counts the new process too. */
	if (s->terminal >= 0)
		l.rlim_cur = l.rlim_max - l.rlim_cur < 2 ? l.rlim_max : l.rlim_cur + 2;
	if (setrlimit(RLIMIT_NPROC, &l) < 0)
		child_fail(s, CHILD_LIMITS);
}

void child_raise_limits(const struct child_spec *s)
{
	raise_hard_limits(s);
	limit_processes(s);
}

void child_set_limits(const struct child_spec *s)
{
	for (int r = 0; r < RLIM_NLIMITS; r++)
		if (setrlimit(r, &s->limits[r]) < 0)
			child_fail(s, CHILD_LIMITS);
}
