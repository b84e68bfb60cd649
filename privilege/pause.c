/*
 * pause.c - a prompt in the middle of a call. Meanwhile the leader is what it is
 * between calls. Then the module gets back what it had, and no more: it may have
 * given up some of it before.
 *
 * MUST end the process if a module would go on with more than it had.
 */
#define _GNU_SOURCE
#include "privilege.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *privilege_pause(struct privilege_pause *p)
{
	const char *fault = leader_check();
	struct sets now;

	if (fault)
		return fault;
	if (sets_read(&now) < 0)
		return "capget";
	*p = (struct privilege_pause){
		.ids = privilege_ids(), .fs = (uid_t)raw(SYS_setfsuid, NOBODY), .e = now.e,
		.bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), .paused = 1,
	};
	return privilege_leave();
}

const char *privilege_resume(struct privilege_pause *p)
{
	const char *fault = leader_check();

	if (fault || !p->paused)
		return fault;
	if (sets_effective(~0ULL) < 0)
		fault = "capset";
	else if (leader_become(p->ids) < 0)
		fault = "setresuid";
	else if (raw(SYS_setfsuid, p->fs), (uid_t)raw(SYS_setfsuid, NOBODY) != p->fs)
		fault = "setfsuid";
	else if (leader_set_bits(p->bits) < 0)
		fault = "securebits";
	if (PERSIST(sets_effective(fault ? 0 : p->e)) < 0 || PERSIST(privilege_hide()) < 0)
		die("a module's identity");
	privilege.calling = 1;
	return fault;
}
