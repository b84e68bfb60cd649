/*
 * state.c - the state of the process, and questions about the calling thread.
 */
#define _GNU_SOURCE
#include "privilege.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct privilege privilege;

int privilege_here(void)
{
	return privilege.leader != 0 && (pid_t)raw(SYS_gettid) == privilege.leader;
}

int privilege_modules_run(void)
{
	return privilege.calling && privilege_here();
}

const char *leader_check(void)
{
	if (privilege_here())
		return NULL;
	errno = EPERM;
	return "the leader's work on another thread";
}

int privilege_hide(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

struct ids privilege_ids(void)
{
	uid_t r = NOBODY, e = NOBODY, s = NOBODY;

	raw(SYS_getresuid, &r, &e, &s);
	return (struct ids){r, e, s};
}
