/*
 * fork.c - gives a process that a module forks the ids and sets it has under su.
 *
 * The handlers run around every fork(3). A module's child gets the caller's real uid,
 * the module's effective and saved uid, and the session's limits as they are by then.
 * It gets the caller's securebits, so that uid 0 has the bounding set again, which is
 * cut to capsu's permitted set. The C library's other ways to start a process call fork
 * too (spawn.c).
 *
 * If CapabilitiesSet has taken CAP_SETUID or CAP_SETPCAP, the child has the module's
 * effective uid and no capability, because it could not take the caller's uid or cut
 * the bounding set.
 *
 * MUST end a child that cannot be given this.
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
	struct privilege_as_root root;
	int module;       /* a module forks on the leader */
	struct ids ids;   /* the kernel's, before the fork */
	uint64_t e;       /* Effective, before the fork */
} forking;

static void before(void)
{
	struct sets now;

	forking.module = privilege_modules_run();
	forking.ids = privilege_ids();
	forking.e = sets_read(&now) == 0 ? now.e : 0;
	privilege_as_root_begin(&forking.root);
}

static void in_parent(void)
{
	privilege_as_root_end(&forking.root);
}

/* The kernel's saved uid may be the guard's. To modules that stands for the caller's,
 * or for root's if the target is root. */
static uid_t saved_uid(void)
{
	if (forking.ids.s != privilege.guard)
		return forking.ids.s;
	return privilege.saved_is_callers ? privilege.caller : 0;
}

/* Cuts the bounding set to capsu's permitted set, then restores the caller's securebits,
 * which give uid 0 the bounding set. If a module has given up the capability for that or
 * has locked bits, NOROOT stays on, and uid 0 has no capability. */
static void restore_root(void)
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

/* If a module has given up CAP_SETUID, its child is uid 0 without a capability. It must
 * not be the guard. */
static void become(struct ids ids)
{
	if (raw(SYS_setresuid, ids.r, ids.e, ids.s) < 0 && raw(SYS_setresuid, 0, ids.e, 0) < 0)
		die("a module's process: setresuid");
	/* After the uid: the kernel checks RLIMIT_NPROC when the uid changes. */
	if (sets_effective(~0ULL) < 0 || limits_apply() < 0)
		die("a module's process: limits");
}

static void become_callers(void)
{
	struct ids ids = {forking.ids.r == privilege.guard ? privilege.caller : forking.ids.r, forking.ids.e, saved_uid()};

	if (sets_effective(~0ULL) < 0)
		die("a module's process: capset");
	restore_root();
	become(ids);
	if (sets_effective(forking.e) < 0 || privilege_hide() < 0)
		die("a module's process: capset");
}

/* For a leader that closes as the guard. The child has no capability. It must not be
 * the guard, which may signal other sessions; the caller's real uid needs CAP_SETUID. */
static void become_powerless(void)
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

/* For pam_end in the session's child, which has the target's ids already. */
static void become_sessions(void)
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

/* Restores the caller's dispositions. exec(2) resets the signals that the monitor
 * catches, but not SIGTTIN and SIGTTOU, which it ignores. */
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
		privilege_as_root_end(&forking.root); /* the session's child, or a child of a powerless thread */
		if (privilege.ending)
			become_sessions();
		return;
	}
	restore_signals();
	if (!privilege_may_act_as_root())
		become_powerless();
	else if (privilege.caller != 0)
		become_callers();
	else if (limits_apply() < 0)
		die("a module's process: limits");
	privilege.calling = 0;
}

int fork_watch(void)
{
	return pthread_atfork(before, in_parent, in_child);
}
