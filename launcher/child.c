/*
 * child.c - the child between fork and exec.
 *
 * The child has one thread, a copy of the leader. PAM ran there, so the child has what
 * modules have attached to that thread (keyring, namespace).
 *
 * MUST be C only, and end by exec or _exit on every path: never return into Go.
 * MUST keep the order of its steps, which depend on each other.
 * MUST report every failure with its step, and end: half a change is no session.
 * MUST compare the kernel's ids and sets at the end with those decided.
 * MUST NOT contain policy: struct child_spec says who gets what.
 */
#define _GNU_SOURCE
#include "child.h"
#include "interpose.h"

#include <errno.h>
#include <linux/securebits.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuse_prompt(int n, const struct pam_message **msg, struct pam_response **resp, void *data)
{
	(void)n, (void)msg, (void)resp, (void)data;
	return PAM_CONV_ERR; /* only the monitor talks to the caller */
}

/* Raw calls, since glibc's would signal threads that do not exist in the child. */
static void become_target(const struct child_spec *s)
{
	if (syscall(SYS_setgroups, s->ngroups, s->groups) < 0)
		child_fail(s, CHILD_SETGROUPS);
	if (syscall(SYS_setresgid, s->gid, s->gid, s->gid) < 0)
		child_fail(s, CHILD_SETGID);
	if (syscall(SYS_setresuid, s->uid, s->uid, s->uid) < 0)
		child_fail(s, CHILD_SETUID);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) /* the change undoes it if fs.suid_dumpable is 1 */
		child_fail(s, CHILD_SETUID);
}

/* Has later changes of uid keep the sets. If root does not call, the bit is on already. A
 * root caller without CAP_SETPCAP can keep the permitted set alone, by KEEPCAPS. */
static void keep_capabilities(const struct child_spec *s)
{
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	if (bits < 0)
		child_fail(s, CHILD_KEEP);
	if (!(bits & SECBIT_NO_SETUID_FIXUP) && prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0 &&
	    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		child_fail(s, CHILD_KEEP);
}

/* Becomes the target and ends the child's copy of the PAM transaction. A deferred
 * pam_cap.so applies its tuple in pam_end, so Permitted is still whole. Effective is empty,
 * so that modules clean up with the target's rights, as under su. */
static void end_pam(const struct child_spec *s)
{
	struct pam_conv conv = {refuse_prompt, NULL};

	if (pam_set_item(s->pam, PAM_CONV, &conv) != PAM_SUCCESS)
		child_fail(s, CHILD_CONVERSATION);
	if (sets_effective(~0ULL) < 0)
		child_fail(s, CHILD_RAISE);
	child_raise_limits(s);
	keep_capabilities(s);
	become_target(s);
	if (sets_effective(0) < 0)
		child_fail(s, CHILD_RAISE);
	interpose_end_in_child();
	int status = pam_end(s->pam, PAM_SUCCESS | PAM_DATA_SILENT);
	if (status != PAM_SUCCESS)
		child_expect(s, CHILD_PAM_END, PAM_SUCCESS, (uint64_t)status);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) /* modules may have changed ids, which undoes it */
		child_fail(s, CHILD_PAM_END);
}

/* Closes what modules have left open: everything but 0-2, the report and the leader's
 * socket. These two are closed by exec. */
static void close_others(const struct child_spec *s)
{
	int low = s->report, high = s->report;

	if (s->terminal >= 0) {
		low = s->lead < low ? s->lead : low;
		high = s->lead > high ? s->lead : high;
	}
	if (low < 3 || (low > 3 && syscall(SYS_close_range, 3, low - 1, 0) < 0) ||
	    (high - low > 1 && syscall(SYS_close_range, low + 1, high - 1, 0) < 0) ||
	    syscall(SYS_close_range, high + 1, ~0U, 0) < 0)
		child_fail(s, CHILD_DESCRIPTORS);
}

/* Fails if one of the old ids can be taken again. */
static void try_to_regain(const struct child_spec *s)
{
	for (size_t i = 0; i < s->nregain; i++)
		if (s->regain[i] != s->uid && (syscall(SYS_setresuid, -1, s->regain[i], -1) == 0 ||
		                               syscall(SYS_setresuid, s->regain[i], -1, -1) == 0))
			child_expect(s, CHILD_REGAIN, s->uid, s->regain[i]);
	if (s->regain_gid != s->gid && syscall(SYS_setresgid, -1, s->regain_gid, -1) == 0)
		child_expect(s, CHILD_REGAIN, s->gid, s->regain_gid);
	if (syscall(SYS_setgroups, 0, NULL) == 0)
		child_expect(s, CHILD_REGAIN, s->ngroups, 0);
}

/* Fails unless the kernel's ids and sets are those decided. */
static void verify(const struct child_spec *s, struct sets tuple, uint64_t amb, uint64_t bnd)
{
	static gid_t groups[65536]; /* NGROUPS_MAX; the stack may be small */
	uid_t u[3];
	gid_t g[3];
	struct sets c;

	if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
		child_fail(s, CHILD_VERIFY_UID);
	for (int i = 0; i < 3; i++)
		child_expect(s, CHILD_VERIFY_UID, s->uid, u[i]), child_expect(s, CHILD_VERIFY_GID, s->gid, g[i]);
	int n = getgroups(65536, groups); /* on failure -1, which differs from any number of groups */
	child_expect(s, CHILD_VERIFY_GROUPS, s->ngroups, (uint64_t)n);
	for (int i = 0; i < n; i++)
		child_expect(s, CHILD_VERIFY_GROUPS, s->groups[i], groups[i]);
	if (sets_read(&c) < 0)
		child_fail(s, CHILD_VERIFY_SETS);
	child_expect(s, CHILD_VERIFY_SETS, 0, c.e);
	child_expect(s, CHILD_VERIFY_SETS, tuple.p, c.p);
	child_expect(s, CHILD_VERIFY_SETS, tuple.i, c.i);
	child_expect(s, CHILD_VERIFY_SETS, amb, sets_ambient());
	child_expect(s, CHILD_VERIFY_BOUNDING, bnd, sets_bounding());
	child_expect(s, CHILD_VERIFY_SECUREBITS, (uint64_t)s->securebits, (uint64_t)prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	if (s->no_new_privs) /* only then: a module may have set it too */
		child_expect(s, CHILD_NO_NEW_PRIVS, 1, (uint64_t)prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void __attribute__((noreturn)) become_session(const struct child_spec *s)
{
	struct sets tuple;
	uint64_t amb, bnd;

	child_set_signals(s); /* first: the runtime's handlers must not run in modules */
	end_pam(s); /* before the monitor's session and descriptors go, which modules may use */
	if (s->new_session && setsid() < 0)
		child_fail(s, CHILD_SETSID);
	if (s->terminal >= 0)
		child_take_terminal(s);
	close_others(s);
	child_apply_tuple(s, &tuple, &amb, &bnd); /* after pam_end, which gives a part of the grant */
	try_to_regain(s); /* after the last change of ids and sets */
	if (s->home && chdir(s->home) < 0) {
		child_tell(s, CHILD_HOME, errno, 0, 0); /* a warning: the session starts in / */
		if (chdir("/") < 0)
			_exit(1);
	}
	/* After the last change of ids, which clears it (prctl(2)). */
	if (prctl(PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0) < 0 || getppid() != s->monitor)
		child_fail(s, CHILD_PARENT);
	if (s->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		child_fail(s, CHILD_NO_NEW_PRIVS);
	verify(s, tuple, amb, bnd);
	child_tell(s, CHILD_TUPLE, 0, tuple.i, amb);
	child_tell(s, CHILD_BOUNDS, 0, 0, bnd);
	if (s->terminal >= 0)
		child_split(s); /* before the limits, which are the command's and may forbid a fork */
	child_set_limits(s);
	child_set_mask(s); /* last: a signal may end the process from here on */
	execve(s->path, s->argv, s->envp);
	child_fail(s, CHILD_EXEC);
}

pid_t child_fork(const struct child_spec *spec)
{
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0)
		return -1;
	pid = fork();
	if (pid == 0)
		become_session(spec);
	int err = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = err;
	return pid;
}
