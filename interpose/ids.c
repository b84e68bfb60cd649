/*
 * ids.c - the C library's functions that read and change uids, for two reasons.
 *
 * First, glibc's functions change every thread of the process, and abort the process if one
 * thread cannot change. The functions here change the calling thread alone, as setfsuid(2)
 * does. glibc's initgroups and ruserok call glibc's own functions and not these, so the
 * program defines initgroups and ruserok too (gids.c, rhosts.c).
 *
 * Second, the leader's real uid is the guard's while modules run, because a process may
 * signal another of the same real uid. Modules see the caller's uid there, as under su:
 * getuid returns it, and a change to it becomes a change to the guard's. The same goes
 * for the saved uid. The effective uid is the kernel's.
 *
 * MUST follow the kernel's rules (setuid(2), setreuid(2), setresuid(2)) as if
 *   the real uid were the caller's.
 * The leader's real and saved uid MUST never be the caller's.
 * MUST call the C library's in a process that is not armed, except getuid, getresuid and
 *   setfsuid, which always make the raw call.
 */
#define _GNU_SOURCE
#include "interpose.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SAME ((uid_t)-1) /* as an argument: no change */

/* Returns the leader's uids as modules see them. */
static struct ids seen_ids(void)
{
	struct ids k = privilege_ids();

	if (k.r == privilege.guard)
		k.r = privilege.caller;
	if (k.s == privilege.guard)
		k.s = privilege.saved_is_callers ? privilege.caller : 0;
	return k;
}

static int one_of(uid_t id, struct ids ids)
{
	return id == SAME || id == ids.r || id == ids.e || id == ids.s;
}

/* Makes one call with CAP_SETUID. The kernel would allow the call without it if the
 * real uid were the caller's. */
static long call_by_right(long number, uid_t r, uid_t e, uid_t s)
{
	struct sets before, after;

	if (sets_read(&before) < 0 || sets_effective(before.e | BIT(CAP_SETUID)) < 0)
		return -1;
	uid_t was = privilege_ids().e;
	long done = raw(number, r, e, s);
	int err = errno, fixes = !(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) & SECBIT_NO_SETUID_FIXUP);
	/* Keep what the change of uids itself added to Effective or took from it. */
	if (PERSIST(sets_read(&after)) < 0)
		die("capget");
	if (!(fixes && was != 0 && privilege_ids().e == 0) && PERSIST(sets_effective(after.e & ~(BIT(CAP_SETUID) & ~before.e))) < 0)
		die("capset");
	errno = err;
	return done;
}

/* Changes the leader's uids to those that a module asks for; want.e may be SAME.
 * allowed tells whether the kernel's rules allow it. */
static int change(struct ids want, int allowed)
{
	struct ids k = want;
	uid_t e = want.e == SAME ? privilege_ids().e : want.e;

	if (!allowed) {
		errno = EPERM;
		return -1;
	}
	if (want.r == privilege.caller)
		k.r = privilege.guard;
	if (want.s == privilege.caller || (want.s == 0 && e == 0 && privilege.during.s == privilege.guard))
		k.s = privilege.guard;
	/* A leader that closes as the guard can only take uids that it has. */
	if (!privilege_may_act_as_root() && want.s == seen_ids().s)
		k.s = privilege_ids().s;
	if (raw(SYS_setresuid, k.r, k.e, k.s) < 0 && call_by_right(SYS_setresuid, k.r, k.e, k.s) < 0)
		return -1;
	privilege.saved_is_callers = want.s == privilege.caller;
	return 0;
}

static int is_effective(int capability)
{
	struct sets now;

	return sets_read(&now) == 0 && now.e & BIT(capability);
}

static struct ids ids_with(struct ids now, uid_t r, uid_t e, uid_t s)
{
	return (struct ids){r == SAME ? now.r : r, e == SAME ? now.e : e, s == SAME ? now.s : s};
}

int module_setresuid(uid_t r, uid_t e, uid_t s)
{
	struct ids now = seen_ids(), want = ids_with(now, r, e, s);

	if (e == SAME && want.r == now.r && want.s == now.s)
		want.e = SAME; /* nothing changes, so the file system's uid must not either */
	return change(want, is_effective(CAP_SETUID) || (one_of(r, now) && one_of(e, now) && one_of(s, now)));
}

int module_setreuid(uid_t r, uid_t e)
{
	struct ids now = seen_ids(), want = ids_with(now, r, e, SAME);
	int allowed = is_effective(CAP_SETUID) || ((r == SAME || r == now.r || r == now.e) && one_of(e, now));

	if (r != SAME || (e != SAME && e != now.r))
		want.s = want.e;
	return change(want, allowed);
}

int module_setuid(uid_t uid)
{
	struct ids now = seen_ids();

	if (uid == SAME) {
		errno = EINVAL;
		return -1;
	}
	if (is_effective(CAP_SETUID))
		return change((struct ids){uid, uid, uid}, 1);
	return change((struct ids){now.r, uid, now.s}, uid == now.r || uid == now.s);
}

int module_setfsuid(uid_t uid)
{
	int before = (int)raw(SYS_setfsuid, uid);
	struct ids now = seen_ids();

	if (uid != SAME && (uid == now.r || uid == now.s) && (uid_t)raw(SYS_setfsuid, SAME) != uid)
		call_by_right(SYS_setfsuid, uid, 0, 0);
	return before;
}

/* FROM_MODULE tells whether a call needs the rules above: a module makes it, on the leader,
 * and root is not capsu's caller (then the kernel's real uid is the caller's already). In a
 * module's call it also notes the calling code, so that a message can name the module that
 * has left other ids than it found. */
#define FROM_MODULE() (privilege_modules_run() && (privilege.changed_from = __builtin_return_address(0), privilege.caller != 0))

uid_t getuid(void)
{
	uid_t r = (uid_t)raw(SYS_getuid);

	return r == privilege.guard && privilege.caller != 0 && privilege_modules_run() ? privilege.caller : r;
}

int getresuid(uid_t *r, uid_t *e, uid_t *s)
{
	int done = (int)raw(SYS_getresuid, r, e, s);

	if (done == 0 && privilege.caller != 0 && privilege_modules_run()) {
		struct ids now = seen_ids();
		*r = now.r;
		*e = now.e;
		*s = now.s;
	}
	return done;
}

int setuid(uid_t uid)
{
	if (!armed())
		return LIBC(int (*)(uid_t), setuid, uid);
	return FROM_MODULE() ? module_setuid(uid) : (int)raw(SYS_setuid, uid);
}

int seteuid(uid_t uid)
{
	if (!armed())
		return LIBC(int (*)(uid_t), seteuid, uid);
	if (uid == SAME) {
		errno = EINVAL;
		return -1;
	}
	return FROM_MODULE() ? module_setresuid(SAME, uid, SAME) : (int)raw(SYS_setresuid, SAME, uid, SAME);
}

int setreuid(uid_t r, uid_t e)
{
	if (!armed())
		return LIBC(int (*)(uid_t, uid_t), setreuid, r, e);
	return FROM_MODULE() ? module_setreuid(r, e) : (int)raw(SYS_setreuid, r, e);
}

int setresuid(uid_t r, uid_t e, uid_t s)
{
	if (!armed())
		return LIBC(int (*)(uid_t, uid_t, uid_t), setresuid, r, e, s);
	return FROM_MODULE() ? module_setresuid(r, e, s) : (int)raw(SYS_setresuid, r, e, s);
}

int setfsuid(uid_t uid)
{
	return FROM_MODULE() ? module_setfsuid(uid) : (int)raw(SYS_setfsuid, uid);
}
