/*
 * privilege.h - how the monitor holds privilege.
 *
 * One thread has privilege: the leader of the thread group. Every other thread
 * is born without (thread.c). Credentials are a thread's own in Linux, so all
 * changes are raw system calls on the leader (leader.c).
 *
 * All of it is inert until privilege_arm, as in a test binary.
 */
#ifndef CAPSU_PRIVILEGE_H
#define CAPSU_PRIVILEGE_H

#include "sets.h"

#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#define NOBODY ((uid_t)-1)

struct ids { uid_t r, e, s; };

/* What start.c found and decided, before there were threads. */
struct privilege_start {
	uid_t caller;
	uid_t guard;              /* NOBODY: root calls, and there is no guard */
	gid_t guard_gid;
	int securebits;           /* as found */
	uint64_t ignored;         /* bit n-1: signal n was ignored */
	const struct rlimit *limits; /* as found, RLIM_NLIMITS of them */
};

/* The state of the process. It is written on the leader alone. */
struct privilege {
	pid_t leader;             /* 0: not armed */
	uid_t caller, guard;
	gid_t guard_gid;
	int securebits;           /* as found */
	uint64_t ignored;         /* by the caller; bit n-1 is signal n */
	uint64_t permitted;       /* the leader's Permitted set */
	uint64_t withheld;        /* permitted, and not effective while modules run */
	struct ids between;       /* the leader's uids between calls */
	struct ids during;        /* and while modules run */
	int calling;              /* 1: modules run on the leader */
	int ending;               /* 1: the child that becomes the session, in pam_end */
	int saved_is_callers;     /* 1: a module takes the saved uid for the caller's */
	const void *changed_from; /* where a module last called for another identity */
	struct rlimit limits[RLIM_NLIMITS]; /* the session's, as modules see and set them */
};

extern struct privilege privilege;

/* Functions for the leader return NULL, or the name of the call that failed, with errno. */

/* privilege_arm makes this process the monitor whose leader calls. The leader
 * is 0/guard/guard from here until privilege_settle: the kernel does not count
 * the threads of uid 0, and the Go runtime makes its threads meanwhile. */
const char *privilege_arm(const struct privilege_start *start);

/* privilege_before_fork has the kernel not count the fork of the front: the real
 * uid is 0 meanwhile. privilege_after_fork is for both processes: the caller's
 * uids, nothing effective. */
const char *privilege_before_fork(uid_t caller, int securebits);
const char *privilege_after_fork(uid_t caller, int securebits);

/* privilege_settle ends the start: the real uid is the guard's as well. */
const char *privilege_settle(void);

/* privilege_threads tells whether every other thread was born powerless: the
 * kernel counts as many as are registered. 0 or the difference; -1 with errno. */
int privilege_threads(void);

/* privilege_groups changes gid and groups. */
const char *privilege_groups(gid_t gid, size_t n, const gid_t *groups);

/* privilege_target says that from now on modules act for a target. */
const char *privilege_target(uid_t uid);

/* privilege_enter makes the leader what modules shall find; privilege_leave
 * makes it again what it is between calls, whatever modules have done. */
const char *privilege_enter(void);
const char *privilege_leave(void);

/* privilege_pause leaves in the middle of a call, privilege_resume gives the
 * module back what it had, also if that was less than all. */
struct privilege_pause { struct ids ids; uid_t fs; uint64_t e; int bits; int paused; };
const char *privilege_pause(struct privilege_pause *p);
const char *privilege_resume(struct privilege_pause *p);

/* privilege_give_up has a monitor that is uid 0 be the guard between calls. It
 * takes effect at once. */
const char *privilege_give_up(uid_t guard, uid_t target);

/* privilege_shrink takes from Permitted what is not in keep, and empties
 * Inheritable and Ambient. */
const char *privilege_shrink(uint64_t keep);

/* privilege_may_act_as_root tells whether the leader can still go to uid 0 for a call. */
int privilege_may_act_as_root(void);

/* privilege_hide closes /proc/PID to all but root; with fs.suid_dumpable=1 each
 * change of identity opens it. 0, or -1 with errno. */
int privilege_hide(void);

/* privilege_here tells whether the calling thread is the leader, in this very process. */
int privilege_here(void);

/* For the other C files of the monitor: this package's, interpose's. */

/* raw is syscall(2) of the C library, not ours. */
extern long (*raw)(long number, ...);

/* real finds what the C library has under a name that this program defines, too. */
void *real(const char *name);

/* modules_run: a module runs on the calling thread, the leader. */
int modules_run(void);

/* As root for the kernel's count of processes, while a thread or a process is
 * made: the real uid is 0. What cannot be put back ends the process. */
struct as_root { int held; uid_t uid; uint64_t e; };
void as_root_begin(struct as_root *h);
void as_root_end(const struct as_root *h);

/* What the calling thread is to the kernel. */
struct ids ids_now(void);

/* NULL on the leader; else what is wrong, with errno. */
const char *not_the_leader(void);

/* The leader's uids, and with them the file system's; and its securebits, as far
 * as the host has not locked them. 0, or -1 with errno. */
int leader_become(struct ids want);
int leader_bits(int want);

/* The leader's securebits between calls. */
int bits_between(void);

/* Three tries of what must not fail half-way: for want of memory the kernel may
 * refuse a change of credentials (prepare_creds), and a moment later not. */
#define PERSIST(call) ((call) == 0 || (call) == 0 || (call) == 0 ? 0 : -1)

void die(const char *what) __attribute__((noreturn));

#endif
