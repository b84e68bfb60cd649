/*
 * ids.c - the C library's functions that tell and change identities, as modules
 * meet them. Each is defined here for two reasons.
 *
 * The first: glibc's own change every thread of the process and abort it where
 * one cannot. Here a change is the calling thread's alone, as setfsuid(2) is.
 * initgroups and ruserok call them inside of glibc, so they are here, too.
 *
 * The second: the leader's real uid is the guard's while modules run, because
 * whoever has a process's real uid may signal it. A module finds the caller's
 * there, as under su: getuid tells it, and "back to the real uid" is to the
 * guard's. The saved uid is read the same way. The effective uid is the kernel's.
 *
 * MUST follow the kernel's rules (setuid(2), setreuid(2), setresuid(2)) as if
 *   the real uid were the caller's.
 * MUST let no real or saved uid of the leader be the caller's.
 * MUST be the C library's own in a process that is not armed.
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

#define SAME ((uid_t)-1) /* in a call: as it is */

/* As a module sees the leader. */
static struct ids seen(void)
{
	struct ids k = ids_now();

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

/* CAP_SETUID for one call that the kernel's rule would allow without it if the
 * real uid were the caller's. */
static long by_right(long number, uid_t r, uid_t e, uid_t s)
{
	struct sets before, after;

	if (sets_read(&before) < 0 || sets_effective(before.e | BIT(CAP_SETUID)) < 0)
		return -1;
	uid_t was = ids_now().e;
	long done = raw(number, r, e, s);
	int err = errno, fixes = !(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) & SECBIT_NO_SETUID_FIXUP);
	/* What the change itself gave or took stays. */
	if (PERSIST(sets_read(&after)) < 0)
		die("capget");
	if (!(fixes && was != 0 && ids_now().e == 0) && PERSIST(sets_effective(after.e & ~(BIT(CAP_SETUID) & ~before.e))) < 0)
		die("capset");
	errno = err;
	return done;
}

/* Change the leader's uids to what a module has asked for; want.e may be SAME.
 * may says that the kernel would let it. */
static int change(struct ids want, int may)
{
	struct ids k = want;
	uid_t e = want.e == SAME ? ids_now().e : want.e;

	if (!may) {
		errno = EPERM;
		return -1;
	}
	if (want.r == privilege.caller)
		k.r = privilege.guard;
	if (want.s == privilege.caller || (want.s == 0 && e == 0 && privilege.during.s == privilege.guard))
		k.s = privilege.guard;
	/* To a leader that closes as the guard only its own uids are open, as they are. */
	if (!privilege_may_act_as_root() && want.s == seen().s)
		k.s = ids_now().s;
	if (raw(SYS_setresuid, k.r, k.e, k.s) < 0 && by_right(SYS_setresuid, k.r, k.e, k.s) < 0)
		return -1;
	privilege.saved_is_callers = want.s == privilege.caller;
	return 0;
}

static int may_set(int capability)
{
	struct sets now;

	return sets_read(&now) == 0 && now.e & BIT(capability);
}

static struct ids with(struct ids now, uid_t r, uid_t e, uid_t s)
{
	return (struct ids){r == SAME ? now.r : r, e == SAME ? now.e : e, s == SAME ? now.s : s};
}

int module_setresuid(uid_t r, uid_t e, uid_t s)
{
	struct ids now = seen(), want = with(now, r, e, s);

	if (e == SAME && want.r == now.r && want.s == now.s)
		want.e = SAME; /* nothing changes, nor does the file system's uid */
	return change(want, may_set(CAP_SETUID) || (one_of(r, now) && one_of(e, now) && one_of(s, now)));
}

int module_setreuid(uid_t r, uid_t e)
{
	struct ids now = seen(), want = with(now, r, e, SAME);
	int may = may_set(CAP_SETUID) || ((r == SAME || r == now.r || r == now.e) && one_of(e, now));

	if (r != SAME || (e != SAME && e != now.r))
		want.s = want.e;
	return change(want, may);
}

int module_setuid(uid_t uid)
{
	struct ids now = seen();

	if (uid == SAME) {
		errno = EINVAL;
		return -1;
	}
	if (may_set(CAP_SETUID))
		return change((struct ids){uid, uid, uid}, 1);
	return change((struct ids){now.r, uid, now.s}, uid == now.r || uid == now.s);
}

int module_setfsuid(uid_t uid)
{
	int before = (int)raw(SYS_setfsuid, uid);
	struct ids now = seen();

	if (uid != SAME && (uid == now.r || uid == now.s) && (uid_t)raw(SYS_setfsuid, SAME) != uid)
		by_right(SYS_setfsuid, uid, 0, 0);
	return before;
}

/* The definitions. Who called is noted, for the message about a module that leaves
 * the leader another one than it was. When root calls all is uid 0, and the
 * kernel's answers are right as they are. */
#define FROM_MODULE() (modules_run() && (privilege.changed_from = __builtin_return_address(0), privilege.caller != 0))

uid_t getuid(void)
{
	uid_t r = (uid_t)raw(SYS_getuid);

	return r == privilege.guard && privilege.caller != 0 && modules_run() ? privilege.caller : r;
}

int getresuid(uid_t *r, uid_t *e, uid_t *s)
{
	int done = (int)raw(SYS_getresuid, r, e, s);

	if (done == 0 && privilege.caller != 0 && modules_run()) {
		struct ids now = seen();
		*r = now.r;
		*e = now.e;
		*s = now.s;
	}
	return done;
}

int setuid(uid_t uid)
{
	if (!armed())
		return LIBRARYS(int (*)(uid_t), setuid, uid);
	return FROM_MODULE() ? module_setuid(uid) : (int)raw(SYS_setuid, uid);
}

int seteuid(uid_t uid)
{
	if (!armed())
		return LIBRARYS(int (*)(uid_t), seteuid, uid);
	if (uid == SAME) {
		errno = EINVAL;
		return -1;
	}
	return FROM_MODULE() ? module_setresuid(SAME, uid, SAME) : (int)raw(SYS_setresuid, SAME, uid, SAME);
}

int setreuid(uid_t r, uid_t e)
{
	if (!armed())
		return LIBRARYS(int (*)(uid_t, uid_t), setreuid, r, e);
	return FROM_MODULE() ? module_setreuid(r, e) : (int)raw(SYS_setreuid, r, e);
}

int setresuid(uid_t r, uid_t e, uid_t s)
{
	if (!armed())
		return LIBRARYS(int (*)(uid_t, uid_t, uid_t), setresuid, r, e, s);
	return FROM_MODULE() ? module_setresuid(r, e, s) : (int)raw(SYS_setresuid, r, e, s);
}

int setfsuid(uid_t uid)
{
	return FROM_MODULE() ? module_setfsuid(uid) : (int)raw(SYS_setfsuid, uid);
}
