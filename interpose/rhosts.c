/*
 * rhosts.c - ruserok(3) and its relatives, which pam_rhosts calls. glibc's own change
 * the effective uid on every thread, and would abort the process. So they run in a
 * child, which has one thread and the ids of su's child (fork.c). The child's exit
 * status is the answer.
 */
#define _GNU_SOURCE
#include "interpose.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs ask in a child. It returns 0 if ask does, otherwise -1. */
static int ask_child(int (*ask)(void *), void *question)
{
	int status = 0;
	struct sigaction before, defaults = {.sa_handler = SIG_DFL};

	sigaction(SIGCHLD, &defaults, &before);
	pid_t pid = fork();
	if (pid == 0)
		_exit(ask(question) == 0 ? 0 : 1);
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			pid = -1;
	sigaction(SIGCHLD, &before, NULL);
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

struct by_name { const char *host; int root; const char *remote, *local; sa_family_t family; };
struct by_address { const void *address; int root; const char *remote, *local; sa_family_t family; };

static int ask_name(void *p)
{
	struct by_name *q = p;
	int (*ask)(const char *, int, const char *, const char *, sa_family_t) = real("ruserok_af");

	return ask(q->host, q->root, q->remote, q->local, q->family);
}

static int ask_address(void *p)
{
	struct by_address *q = p;
	int (*ask)(const void *, int, const char *, const char *, sa_family_t) = real("iruserok_af");

	return ask(q->address, q->root, q->remote, q->local, q->family);
}

int ruserok_af(const char *host, int root, const char *remote, const char *local, sa_family_t family)
{
	struct by_name q = {host, root, remote, local, family};

	return privilege_here() ? ask_child(ask_name, &q) : ask_name(&q);
}

int ruserok(const char *host, int root, const char *remote, const char *local)
{
	return ruserok_af(host, root, remote, local, AF_INET);
}

int iruserok_af(const void *address, int root, const char *remote, const char *local, sa_family_t family)
{
	struct by_address q = {address, root, remote, local, family};

	return privilege_here() ? ask_child(ask_address, &q) : ask_address(&q);
}

int iruserok(uint32_t address, int root, const char *remote, const char *local)
{
	return iruserok_af(&address, root, remote, local, AF_INET);
}
