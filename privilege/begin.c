/*
 * begin.c - the leader's start: the fork of the front, and the guard's identity.
 *
 * MUST run before there are threads, except privilege_settle.
 * MUST leave Effective empty, whatever has failed.
 */
#define _GNU_SOURCE
#include "privilege.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *privilege_before_fork(uid_t caller, int securebits)
{
	if (caller == 0)
		return NULL;
	if (sets_effective(BIT(CAP_SETUID) | BIT(CAP_SETPCAP)) < 0)
		return "capset";
	if (prctl(PR_SET_SECUREBITS, securebits | SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
		return "securebits";
	return raw(SYS_setresuid, 0, NOBODY, NOBODY) < 0 ? "setresuid" : NULL;
}

const char *privilege_after_fork(uid_t caller, int securebits)
{
	if (caller == 0)
		return NULL;
	if (raw(SYS_setresuid, caller, caller, caller) < 0)
		return "setresuid";
	if (prctl(PR_SET_SECUREBITS, securebits, 0, 0, 0) < 0)
		return "securebits";
	return sets_effective(0) < 0 ? "capset" : NULL;
}

static const char *become_guard(void)
{
	gid_t g = privilege.guard_gid;

	if (privilege.caller == 0)
		return NULL;
	if (leader_set_bits(leader_bits_between()) < 0)
		return "securebits";
	if (raw(SYS_setgroups, 0, NULL) < 0)
		return "setgroups";
	if (raw(SYS_setresgid, g, g, g) < 0)
		return "setresgid";
	return leader_become((struct ids){0, privilege.guard, privilege.guard}) < 0 ? "setresuid" : NULL;
}

const char *privilege_arm(const struct privilege_start *start)
{
	struct sets now;
	const char *failed;
	uid_t g = start->caller == 0 ? 0 : start->guard;

	if (sets_read(&now) < 0)
		return "capget";
	privilege = (struct privilege){
		.caller = start->caller, .guard = start->guard, .guard_gid = start->guard_gid, .securebits = start->securebits,
		.ignored = start->ignored,
		.permitted = now.p, .between = {g, g, g}, .during = {g, 0, 0},
	};
	memcpy(privilege.limits, start->limits, sizeof privilege.limits);
	if (sets_effective(~0ULL) < 0)
		return "capset";
	failed = become_guard(); /* with all of Permitted effective */
	if (!failed && privilege_hide() < 0) /* after the change of uids, which undoes it */
		failed = "dumpable";
	if (sets_effective(0) < 0)
		return "capset";
	privilege.leader = failed ? 0 : getpid();
	return failed;
}

const char *privilege_settle(void)
{
	const char *fault = leader_check();

	if (!fault && leader_become(privilege.between) < 0)
		fault = "setresuid";
	if (!fault && privilege_hide() < 0)
		fault = "dumpable";
	return fault;
}
