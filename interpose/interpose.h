/*
 * interpose.h - functions of the C library that this program defines for PAM modules.
 *
 * A module sees what it sees under a setuid su: ids (ids.c, gids.c) and limits
 * (limits.c), also by syscall(2) (syscall.c). A process that it starts has the ids
 * that it has under su (fork.c, spawn.c, rhosts.c). Changes that it makes to
 * environment and signals reach the session (left.c).
 *
 * Before privilege_arm, and so in a test binary, the functions call the C library's;
 * getuid, getresuid and setfsuid always make the raw call.
 */
#ifndef CAPSU_INTERPOSE_H
#define CAPSU_INTERPOSE_H

#include "privilege.h"

/* interpose_arm registers the fork handlers, and checks that modules will bind to this
 * program's functions. Call it before privilege_arm, while there is one thread. It returns
 * NULL, or what failed, with errno; *name is then the first function that modules would
 * find elsewhere, or NULL. */
const char *interpose_arm(const char **name);

/* The soft limit of open files that su sets if the hard one allows it: select(2) takes no
 * more. */
enum { USUAL_FILES = 1024 };

/* interpose_sanitise sets the session's limits as su does before it opens the session.
 * Until then they are the caller's. It returns 0. */
int interpose_sanitise(void);

/* interpose_end_in_child prepares pam_end in the child that becomes the session: a process
 * that a module forks there has the session's limits and no capability. */
void interpose_end_in_child(void);

/* left_begin sets HOME to home and PATH to root's for modules; -1 with errno.
 * left_variable returns the i-th variable that modules have set since, or NULL.
 * left_ignored returns the signals that they have ignored since; bit n-1 is signal n. */
int left_begin(const char *home);
const char *left_variable(size_t i);
uint64_t left_ignored(void);

/* The rest is for the files of this package. */

/* module_NAME changes the leader's uids as NAME(2) would if the real uid were the caller's. */
int module_setuid(uid_t uid);
int module_setreuid(uid_t r, uid_t e);
int module_setresuid(uid_t r, uid_t e, uid_t s);
int module_setfsuid(uid_t uid);

/* LIBC calls the C library's function of this name: for a process that is not armed. */
#define LIBC(type, name, ...) ((type)real(#name))(__VA_ARGS__)

static inline int armed(void)
{
	return privilege.leader != 0;
}

/* limits_apply sets the session's limits on the calling process, a child. -1 with errno. */
int limits_apply(void);

/* fork_watch registers the handlers of fork.c. It returns 0 or an error number. */
int fork_watch(void);

/* The functions of the C library that this program defines. */
#define INTERPOSE_DEFINES(X) \
	X(pthread_create) X(syscall) X(getuid) X(getresuid) \
	X(setuid) X(seteuid) X(setreuid) X(setresuid) X(setfsuid) X(setgid) X(setegid) X(setregid) X(setresgid) \
	X(setgroups) X(initgroups) X(ruserok) X(ruserok_af) X(iruserok) X(iruserok_af) \
	X(vfork) X(_Fork) X(clone) X(posix_spawn) X(posix_spawnp) X(system) X(popen) X(pclose) \
	X(getrlimit) X(getrlimit64) X(setrlimit) X(setrlimit64) X(prlimit) X(prlimit64)

#endif
