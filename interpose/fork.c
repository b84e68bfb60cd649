/*
 * fork.c - what a process that a module forks is: what su would have forked.
 *
 * The handlers run around every fork(3) of the process. For a module's child:
 * the caller's real uid, the effective and saved ones of the module, the
 * caller's securebits, so that uid 0 is worth the bounding set again, and of
 * that no more than capsu's own permitted set; the session's limits, as far as
 * they are set by then. The library's other ways to start a process go by fork
 * (spawn.c).
 *
 * Where CapabilitiesSet has taken CAP_SETUID or CAP_SETPCAP it has no capability, and
 * the module's effective uid: the bounding set could not be cut, nor the caller's uid be had.
 *
 * MUST end a child that cannot become that.
 */
#define _GNU_SOURCE
#include "interpose.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread struct {
	struct as_root root;
	int module;       /* a module forks on the leader */
	struct ids ids;   /* as the kernel had them */
	uint64_t e;
} forking;

static void before(void)
{
	struct sets now;

	forking.module = modules_run();
	forking.ids = ids_now();
	forking.e = sets_read(&now) == 0 ? now.e : 0;
	as_root_begin(&forking.root);
}

static void in_parent(void)
{
	as_root_end(&forking.root);
}

/* The saved uid that stands for the caller's is the guard's, and so is root's,
 * where the target is root. */
static uid_t saved(void)
{
	if (forking.ids.s != privilege.guard)
		return forking.ids.s;
	return privilege.saved_is_callers ? privilege.caller : 0;
}

/* No more than capsu has: then uid 0 may be worth that. What a module has made
 * impossible by giving up capabilities, or by locking bits, stays undone, as long as
 * uid 0 is worth nothing. */
static void bound(void)
{
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	if (bits == privilege.securebits && bits & SECBIT_NOROOT)
		return;
	if (sets_bound(privilege.permitted) < 0) {
		if (!(bits & SECBIT_NOROOT))
			die("a module's process: bounding set");
		return;
	}
	if (bits != privilege.securebits && prctl(PR_SET_SECUREBITS, privilege.securebits, 0, 0, 0) < 0 && !(bits & SECBIT_NOROOT))
		die("a module's process: securebits");
}

/* Of a module that has given up CAP_SETUID the process is uid 0 without a
 * capability; anything, but not the guard. */
static void become(struct ids ids)
{
	if (raw(SYS_setresuid, ids.r, ids.e, ids.s) < 0 && raw(SYS_setresuid, 0, ids.e, 0) < 0)
		die("a module's process: setresuid");
	/* After the uid, which the kernel holds to the limit of processes. */
	if (sets_effective(~0ULL) < 0 || limits_apply() < 0)
		die("a module's process: limits");
}

static void become_helper(void)
{
	struct ids ids = {forking.ids.r == privilege.guard ? privilege.caller : forking.ids.r, forking.ids.e, saved()};

	if (sets_effective(~0ULL) < 0)
		die("a module's process: capset");
	bound();
	become(ids);
	if (sets_effective(forking.e) < 0 || privilege_hide() < 0)
		die("a module's process: capset");
}

/* Of a leader that closes as the guard: no capability, and not the guard, who may
 * signal other sessions. The caller's real uid needs CAP_SETUID. */
static void become_least(void)
{
	const struct sets none = {0, 0, 0};
	uid_t e = forking.ids.e;

	if (sets_effective(~0ULL) < 0)
		die("a module's process: capset");
	become((struct ids){privilege.caller != 0 && privilege.permitted & BIT(CAP_SETUID) ? privilege.caller : e, e, e});
	if (sets_apply(none) < 0 || privilege_hide() < 0)
		die("a module's process: capset");
}

void interpose_end_in_child(void)
{
	privilege.ending = 1;
}

/* The target's already. */
static void become_late_helper(void)
{
	struct sets now;

	if (sets_effective(BIT(CAP_SETPCAP)) < 0 || sets_read(&now) < 0)
		die("a module's process: capset");
	if (now.e & BIT(CAP_SETPCAP) && prctl(PR_SET_SECUREBITS, privilege.securebits, 0, 0, 0) < 0)
		die("a module's process: securebits");
	now.e = now.p = 0;
	if (limits_apply() < 0 || sets_apply(now) < 0)
		die("a module's process: limits");
}

/* The caller's dispositions, not the monitor's: what that catches exec makes the
 * default, and what it ignores for itself must not stay ignored. */
static void restore_signals(void)
{
	for (int sig = 1; sig < 32; sig++)
		if (sig != SIGCHLD && privilege.ignored & BIT(sig - 1))
			signal(sig, SIG_IGN);
		else if (sig == SIGTTIN || sig == SIGTTOU)
			signal(sig, SIG_DFL);
}

static void in_child(void)
{
	if (!forking.module) {
		as_root_end(&forking.root); /* the session, which goes on in C; or a helper of a powerless thread's */
		if (privilege.ending)
			become_late_helper();
		return;
	}
	restore_signals();
	if (!privilege_may_act_as_root())
		become_least();
	else if (privilege.caller != 0)
		become_helper();
	else if (limits_apply() < 0)
		die("a module's process: limits");
	privilege.calling = 0;
}

int watch_forks(void)
{
	return pthread_atfork(before, in_parent, in_child);
}
