/*
 * leader.c - the leader's ids, sets and securebits at each stage. SECURITY.md has
 * the table.
 *
 * While modules run, the leader's uids (real/effective/saved) are guard/0/0; for a target
 * with uid 0, from the stage credentials on, guard/0/guard. So a module sheds privilege by
 * leaving uid 0, as under su, and only root can signal the leader. Between calls the leader
 * is the guard; from the stage credentials on it is guard/target/guard: with the target's
 * effective uid kill(2) and the parent-death signal reach the session. When root calls, all
 * uids are 0; after privilege_give_up they are guard/target/guard between calls.
 *
 * MUST run on the leader: each privilege_ function that changes something checks that,
 *   before it changes the state.
 * MUST leave Effective empty between calls.
 * MUST change uids between calls only with SECBIT_NO_SETUID_FIXUP on: without it a
 *   change from uid 0 empties Permitted.
 * MUST have SECBIT_NOROOT on while the leader's effective uid is 0: without it a
 *   program that a module executes by a raw system call has every capability.
 * MUST end the process if a change fails half-way and cannot be undone.
 */
#define _GNU_SOURCE
#include "privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The capabilities over files that setfsuid(2) takes away, CAP_CHOWN among them. */
#define OVER_FILES (BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) | \
                    BIT(CAP_FSETID) | BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_MKNOD) | BIT(CAP_MAC_OVERRIDE))
#define ALL (~0ULL)

static int same(struct ids a, struct ids b)
{
	return a.r == b.r && a.e == b.e && a.s == b.s;
}

/* setresuid(2) also sets the file system's uid to the effective one. */
int leader_become(struct ids want)
{
	return (int)raw(SYS_setresuid, want.r, want.e, want.s);
}

/* KEEP_CAPS stays, and so does NO_SETUID_FIXUP if the host has locked it on. If any other
 * locked bit differs, the kernel refuses the change. */
int leader_set_bits(int want)
{
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	if (bits < 0)
		return -1;
	want |= bits & SECBIT_KEEP_CAPS;
	if (bits & SECBIT_NO_SETUID_FIXUP_LOCKED)
		want |= bits & SECBIT_NO_SETUID_FIXUP;
	return bits == want ? 0 : prctl(PR_SET_SECUREBITS, want, 0, 0, 0);
}

/* Tells whether this is a root caller's monitor that is the guard between calls. */
static int gave_up(void)
{
	return privilege.caller == 0 && privilege.between.r != 0;
}

/* Such a monitor keeps Permitted by PR_SET_KEEPCAPS, which needs no CAP_SETPCAP. If
 * the host has locked that, SECBIT_NO_SETUID_FIXUP keeps it: keeps_by_bit. */
static int keeps_by_bit(void)
{
	return gave_up() && privilege.securebits & SECBIT_KEEP_CAPS_LOCKED;
}

static int keep_permitted(int on)
{
	return gave_up() && !keeps_by_bit() ? prctl(PR_SET_KEEPCAPS, on, 0, 0, 0) : 0;
}

int leader_bits_between(void)
{
	int no_fixup = privilege.caller != 0 || keeps_by_bit();

	return privilege.securebits | (no_fixup ? SECBIT_NO_SETUID_FIXUP : 0);
}

static int bits_during(void)
{
	/* Without CAP_SETPCAP the bit stays on; enter then withholds OVER_FILES. */
	int no_fixup = keeps_by_bit() && !(privilege.permitted & BIT(CAP_SETPCAP));

	return privilege.caller == 0 ? privilege.securebits | (no_fixup ? SECBIT_NO_SETUID_FIXUP : 0)
	                             : (privilege.securebits | SECBIT_NOROOT) & ~SECBIT_NO_SETUID_FIXUP;
}

/* To change to uid 0 and back the leader needs CAP_SETUID, and unless root calls
 * CAP_SETPCAP. CapabilitiesSet may have taken them; the leader then closes the session as
 * the guard. A root caller's monitor that has kept uid 0 changes nothing and needs none. */
int privilege_may_act_as_root(void)
{
	static const uint64_t needed = BIT(CAP_SETUID) | BIT(CAP_SETPCAP);

	return privilege.caller == 0 ? same(privilege.between, privilege.during) || (privilege.permitted & BIT(CAP_SETUID))
	                             : (privilege.permitted & needed) == needed;
}

static const char *enter(void)
{
	if (sets_effective(ALL) < 0)
		return "capset";
	privilege.saved_is_callers = 0;
	privilege.changed_from = NULL;
	privilege.withheld = 0;
	if (privilege_may_act_as_root()) {
		if (leader_become(privilege.during) < 0)
			return "setresuid";
		if (leader_set_bits(bits_during()) < 0)
			return "securebits";
		if (keep_permitted(0) < 0)
			return "keepcaps";
	}
	/* If NO_SETUID_FIXUP is on (the host has locked it, or the leader stays the guard),
	 * leaving uid 0 sheds nothing. So withhold the capabilities over files. */
	if (prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) & SECBIT_NO_SETUID_FIXUP)
		privilege.withheld = OVER_FILES;
	return sets_effective(~privilege.withheld) < 0 ? "capset" : NULL;
}

/* Goes back to the state between calls, from any state that modules have left. */
static const char *retreat(void)
{
	const char *fault = NULL;

	if (sets_effective(ALL) < 0)
		fault = "capset";
	else if (!same(privilege_ids(), privilege.between) || privilege.caller != 0) {
		if (privilege_may_act_as_root() && leader_set_bits(leader_bits_between()) < 0)
			fault = "securebits";
		else if (keep_permitted(1) < 0)
			fault = "keepcaps";
		else if (leader_become(privilege.between) < 0)
			fault = "setresuid";
	}
	if (PERSIST(sets_effective(0)) < 0)
		die("capset");
	return fault;
}

const char *privilege_enter(void)
{
	const char *fault = leader_check();

	if (fault)
		return fault;
	fault = enter();
	if (!fault && privilege_hide() < 0)
		fault = "dumpable";
	if (!fault) {
		privilege.calling = 1;
		return NULL;
	}
	int err = errno;
	if (retreat())
		die(fault);
	errno = err;
	return fault;
}

const char *privilege_leave(void)
{
	const char *fault = leader_check(), *what;

	if (fault)
		return fault;
	privilege.calling = 0;
	fault = retreat();
	what = privilege_hide() < 0 ? "dumpable" : NULL;
	return fault ? fault : what;
}

const char *privilege_target(uid_t uid)
{
	const char *fault = leader_check(); /* before the state changes */

	if (fault || privilege.caller == 0)
		return fault;
	privilege.between.e = uid;
	if (uid == 0) /* otherwise a session of uid 0 without capabilities could signal the leader */
		privilege.during.s = privilege.guard;
	return privilege_leave();
}

const char *privilege_give_up(uid_t guard, uid_t target)
{
	const char *fault = leader_check();

	if (fault)
		return fault;
	privilege.between = (struct ids){guard, target, guard};
	return privilege_leave();
}

const char *privilege_shrink(uint64_t keep)
{
	const char *fault = leader_check();
	struct sets less = {0, privilege.permitted & keep, 0};

	if (fault)
		return fault;
	/* Set NOROOT while CAP_SETPCAP is there. Without NOROOT a program that a module
	 * starts as uid 0 gets the whole bounding set. */
	if (privilege.caller != 0 && !(keep & BIT(CAP_SETPCAP)) &&
	    (sets_effective(ALL) < 0 || leader_set_bits(leader_bits_between() | SECBIT_NOROOT) < 0))
		fault = "securebits";
	if (sets_apply(less) < 0)
		return "capset";
	privilege.permitted = less.p;
	if (!fault && privilege_hide() < 0)
		fault = "dumpable";
	return fault;
}

const char *privilege_groups(gid_t gid, size_t n, const gid_t *groups)
{
	const char *fault = leader_check();
	struct sets before;

	if (fault)
		return fault;
	if (sets_read(&before) < 0 || sets_effective(before.e | BIT(CAP_SETGID)) < 0)
		return "capset";
	if (raw(SYS_setgroups, n, groups) < 0)
		fault = "setgroups";
	else if (raw(SYS_setresgid, gid, gid, gid) < 0)
		fault = "setresgid";
	if (PERSIST(sets_effective(before.e)) < 0)
		die("capset");
	if (!fault && privilege_hide() < 0)
		fault = "dumpable";
	return fault;
}
