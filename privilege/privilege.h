/*
 * privilege.h - how the monitor holds privilege.
 *
 * One thread has privilege: the leader of the thread group. Every other thread
 * is born without any (thread.c). Linux keeps credentials per thread, so every
 * change is a raw system call on the leader (leader.c).
 *
 * Nothing here takes effect before privilege_arm, so not in a test binary.
 */
#ifndef CAPSU_PRIVILEGE_H
#define CAPSU_PRIVILEGE_H

#include "sets.h"

#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#define NOBODY ((uid_t)-1)

struct ids { uid_t r, e, s; };

/* What front/start.c found and decided before there were threads. */
struct privilege_start {
	uid_t caller;
	uid_t guard;              /* NOBODY: root calls, and the host has no guard */
	gid_t guard_gid;
	int securebits;           /* as found */
	uint64_t ignored;         /* bit n-1: signal n was ignored */
	const struct rlimit *limits; /* as found, RLIM_NLIMITS of them */
};

/* The state of the process. Only the leader writes it. */
struct privilege {
	pid_t leader;             /* 0: not armed */
	uid_t caller, guard;
	gid_t guard_gid;
	int securebits;           /* as found */
	uint64_t ignored;         /* by the caller; bit n-1 is signal n */
	uint64_t permitted;       /* the leader's Permitted set */
	uint64_t withheld;        /* permitted, but not effective while modules run */
	struct ids between;       /* the leader's uids between calls */
	struct ids during;        /* the leader's uids while modules run */
	int calling;              /* 1: modules run on the leader */
	int ending;               /* 1: this is the session's child, in pam_end */
	int saved_is_callers;     /* 1: modules see the caller's uid as the saved one */
	const void *changed_from; /* the code that last asked for another identity */
	struct rlimit limits[RLIM_NLIMITS]; /* the session's, as modules see and set them */
};

extern struct privilege privilege;

/* Functions for the leader return NULL, or the name of the call that failed and set errno. */

/* privilege_arm makes this process the monitor, and the calling thread its leader.
 * Until privilege_settle the leader's uids are 0/guard/guard: the Go runtime makes
 * its threads in this time, and the kernel does not count threads of uid 0. */
const char *privilege_arm(const struct privilege_start *start);

/* privilege_before_fork sets the real uid 0, so that the kernel does not count the
 * fork of the front. privilege_after_fork, in both processes, sets the caller's
 * uids again and empties Effective. */
const char *privilege_before_fork(uid_t caller, int securebits);
const char *privilege_after_fork(uid_t caller, int securebits);

/* privilege_settle ends the start: it sets the guard's real uid. */
const char *privilege_settle(void);

/* privilege_threads compares the kernel's count of threads with those that
 * thread.c made powerless and registered. It returns 0 or the difference, -1 with errno. */
int privilege_threads(void);

/* privilege_groups sets the three gids and the groups; it raises CAP_SETGID for that. */
const char *privilege_groups(gid_t gid, size_t n, const gid_t *groups);

/* privilege_target makes the target's uid the effective one between calls. */
const char *privilege_target(uid_t uid);

/* privilege_enter gives the leader the ids and sets that modules expect.
 * privilege_leave gives back those between calls, whatever modules have done. */
const char *privilege_enter(void);
const char *privilege_leave(void);

/* privilege_pause leaves in the middle of a call. privilege_resume gives the module back
 * what it had at that moment, and no more: it may have given up some of it before. */
struct privilege_pause { struct ids ids; uid_t fs; uint64_t e; int bits; int paused; };
const char *privilege_pause(struct privilege_pause *p);
const char *privilege_resume(struct privilege_pause *p);

/* privilege_give_up makes a root caller's monitor the guard between calls, at once. */
const char *privilege_give_up(uid_t guard, uid_t target);

/* privilege_shrink reduces Permitted to keep, for good, and empties Inheritable and
 * Ambient. */
const char *privilege_shrink(uint64_t keep);

/* privilege_may_act_as_root tells whether the leader can still change to uid 0 for a
 * call. */
int privilege_may_act_as_root(void);

/* privilege_hide makes the process not dumpable, which closes /proc/PID to all but
 * root. Each change of identity undoes that if fs.suid_dumpable is 1. 0, or -1 with
 * errno; prctl(2), PR_SET_DUMPABLE. */
int privilege_hide(void);

/* privilege_here tells whether the calling thread is the leader. In a child it is not. */
int privilege_here(void);

/* The rest is for the other C files of this package and of interpose. */

/* raw is syscall(2) of the C library, not the one that interpose defines. */
extern long (*raw)(long number, ...);

/* real finds the C library's function of a name that this program defines as well. */
void *real(const char *name);

/* privilege_modules_run tells whether a module runs on the calling thread. */
int privilege_modules_run(void);

/* privilege_as_root_begin sets the real uid 0 while a thread or a process is made, so
 * that the kernel does not count it (RLIMIT_NPROC). privilege_as_root_end undoes that,
 * or ends the process. Both work on any thread. */
struct privilege_as_root { int held; uid_t uid; uint64_t e; };
void privilege_as_root_begin(struct privilege_as_root *h);
void privilege_as_root_end(const struct privilege_as_root *h);

/* privilege_ids returns the kernel's uids of the calling thread. */
struct ids privilege_ids(void);

/* leader_check returns NULL on the leader; on another thread a message, with errno. */
const char *leader_check(void);

/* leader_become sets the uids, and with them the file system's uid. leader_set_bits
 * sets the securebits that the host has not locked. 0, or -1 with errno. */
int leader_become(struct ids want);
int leader_set_bits(int want);

/* leader_bits_between returns the leader's securebits between calls. */
int leader_bits_between(void);

/* PERSIST tries a change of credentials three times. The kernel may refuse one for
 * lack of memory (prepare_creds) and allow it a moment later. */
#define PERSIST(call) ((call) == 0 || (call) == 0 || (call) == 0 ? 0 : -1)

/* die ends the process with a message on descriptor 2 and status 1. */
void die(const char *what) __attribute__((noreturn));

#endif
