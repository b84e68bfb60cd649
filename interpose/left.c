/*
 * left.c - changes that modules make to the process's environment and signals.
 *
 * Under su the process that ran the modules becomes the session. So a variable that a
 * module sets with setenv(3), and a signal that it ignores, reach the session.
 *
 * MUST be called on the leader: environ has no lock.
 */
#define _GNU_SOURCE
#include "interpose.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	char **shown;     /* the entries that modules find; copied, because putenv(3) changes environ */
	uint64_t ignored; /* bit n-1: signal n was ignored before them */
} before;

static uint64_t ignored_now(void)
{
	struct sigaction sa;
	uint64_t ignored = 0;

	for (int sig = 1; sig <= 64; sig++)
		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			ignored |= 1ULL << (sig - 1);
	return ignored;
}

int left_begin(const char *home)
{
	size_t n = 0;

	if (setenv("HOME", home, 1) < 0 ||
	    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1) < 0)
		return -1;
	while (environ[n])
		n++;
	before.shown = calloc(n + 1, sizeof *before.shown);
	if (!before.shown)
		return -1;
	memcpy(before.shown, environ, n * sizeof *before.shown);
	before.ignored = ignored_now();
	return 0;
}

static int was_shown(const char *entry)
{
	for (char **e = before.shown; *e; e++)
		if (*e == entry)
			return 1;
	return 0;
}

const char *left_variable(size_t i)
{
	for (char **e = environ; before.shown && e && *e; e++)
		if (!was_shown(*e) && i-- == 0)
			return *e;
	return NULL;
}

uint64_t left_ignored(void)
{
	return before.shown ? ignored_now() & ~before.ignored : 0;
}
