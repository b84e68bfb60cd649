/*
 * interpose.h - what PAM modules meet in place of functions of the C library.
 *
 * A module finds what it finds under a setuid su: the identity (ids.c, gids.c),
 * limits (limits.c), and what goes by a number (syscall.c). What it starts is what
 * su would have started (fork.c, spawn.c, rhosts.c). What it leaves in the process
 * reaches the session (left.c).
 *
 * All of it is inert until privilege_arm: in a test binary the functions are
 * the C library's own.
 */
#ifndef CAPSU_INTERPOSE_H
#define CAPSU_INTERPOSE_H

#include "privilege.h"

/* interpose_arm has this program's functions take effect: before privilege_arm, and before
 * there are threads. NULL, or what failed, with errno; *name is then the first function that
 * modules would find elsewhere, or NULL. */
const char *interpose_arm(const char **name);

/* Open files: what select(2) can take. Su sets this soft limit where the hard one allows it. */
enum { USUAL_FILES = 1024 };

/* interpose_sanitise makes the limits what su makes them before it opens the
 * session: until then they are the caller's as found. 0. */
int interpose_sanitise(void);

/* interpose_end_in_child is for the child that becomes the session: what modules
 * fork there, in pam_end, has the session's limits and no capability. */
void interpose_end_in_child(void);

/* left_begin shows modules the caller's home and root's PATH, -1 with errno; left_variable
 * returns the i-th variable that modules have put into the environment since, or NULL;
 * left_ignored the signals that they ignore since, bit n-1. */
int left_begin(const char *home);
const char *left_variable(size_t i);
uint64_t left_ignored(void);

/* Between the files of this package. */

/* A module's change of the leader's uids, as the functions of these names. */
int module_setuid(uid_t uid);
int module_setreuid(uid_t r, uid_t e);
int module_setresuid(uid_t r, uid_t e, uid_t s);
int module_setfsuid(uid_t uid);

/* LIBRARYS calls what the C library has under a name: in a process that is not armed. */
#define LIBRARYS(type, name, ...) ((type)real(#name))(__VA_ARGS__)

static inline int armed(void)
{
	return privilege.leader != 0;
}

/* limits_apply obeys the session's limits, in a child. */
int limits_apply(void);

/* watch_forks registers the handlers of fork.c; 0, or an error number. */
int watch_forks(void);

/* The functions of the C library that the program defines. */
#define INTERPOSE_DEFINES(X) \
	X(pthread_create) X(syscall) X(getuid) X(getresuid) \
	X(setuid) X(seteuid) X(setreuid) X(setresuid) X(setfsuid) X(setgid) X(setegid) X(setregid) X(setresgid) \
	X(setgroups) X(initgroups) X(ruserok) X(ruserok_af) X(iruserok) X(iruserok_af) \
	X(vfork) X(_Fork) X(clone) X(posix_spawn) X(posix_spawnp) X(system) X(popen) X(pclose) \
	X(getrlimit) X(getrlimit64) X(setrlimit) X(setrlimit64) X(prlimit) X(prlimit64)

#endif
