/* front.h - the snapshot that start.c takes, and what the files of this package share. */
#ifndef CAPSU_FRONT_H
#define CAPSU_FRONT_H

#include "wire.h"

#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* The guard: the system user whose uid the monitor has. */
#define GUARD "capsu"

/* Why there is no monitor, or why it cannot open a session. */
enum fault {
	FAULT_NONE,
	FAULT_NO_PROC,     /* stat(2) of /proc/self/exe fails */
	FAULT_SETID,       /* the program file has a setuid or setgid bit */
	FAULT_NO_FILECAPS, /* the program file carries no capabilities */
	FAULT_NO_PRIVILEGE,/* setuid, setgid or setpcap is not permitted */
	FAULT_NO_GUARD,    /* no user of the guard's name */
	FAULT_BAD_GUARD,   /* the guard is uid 0 or the caller */
	FAULT_NOT_OURS,    /* modules would not find our function; its name is in call */
	FAULT_SYSTEM,      /* a call failed; its name is in call, errno in err */
};

/* The snapshot of what the process got from the caller, taken before there were threads. */
struct start {
	enum fault fault;
	int err;               /* errno that goes with fault, or 0 */
	const char *call;      /* the call or function that goes with fault, or NULL */
	int monitor;           /* 1: the front was forked off and this process is the monitor */
	int socket;            /* the monitor's end of the socket to the front, or -1 */
	uid_t uid;             /* the caller: the real ids at start */
	gid_t gid;
	gid_t *groups;         /* the caller's, ngroups of them */
	int ngroups;
	gid_t guard_gid;
	uid_t guard;           /* the guard's uid, or -1 if root calls and there is none */
	uint64_t permitted;    /* the permitted set at start */
	uint64_t inheritable;  /* the caller's Inheritable set */
	int securebits;        /* as found */
	uint64_t ignored;      /* bit n-1: signal n was ignored */
	uint64_t mask;         /* bit n-1: signal n was blocked */
	struct rlimit limits[RLIM_NLIMITS]; /* as found */
	char **environ;        /* the caller's environment, entries as found */
};

extern struct start started;

/* monitor_settle ends the start. It has handlers that do nothing for the terminal's
 * signals, and empties the signal mask of the calling thread, the leader. -1 with errno. */
int monitor_settle(void);

/* start_fault notes a fault, with errno. Go explains it. */
void start_fault(enum fault fault, const char *call);

/* environment_replace takes the caller's environment away from the Go runtime, the C library
 * and modules (environment.c). */
void environment_replace(int argc, char **argv, char **envp);

/* monitor_begin gives this process the guard's identity (not if root calls) and the
 * monitor's limits. It notes a fault if that fails. */
void monitor_begin(void);

/* start_refuse says why Go cannot be started, and ends this process with status 1. */
void start_refuse(const char *what, const char *hint) __attribute__((noreturn));

/* limits_check ends this process if the caller's limits are too low to start.
 * limits_replace, once the process is the guard, raises its limits. -1 with errno. */
void limits_check(void);
int limits_replace(void);

/* front_run runs the front, from the fork to its exit. */
void front_run(int sock, pid_t monitor) __attribute__((noreturn));

/* The ways out of the front, in leave.c. front_leave ends by the caller's signal and
 * leaves the monitor running. front_die ends by a signal. front_fail fails because the
 * monitor ended without a word; exited is its wait status. */
void front_leave(pid_t monitor, int sig) __attribute__((noreturn));
void front_die(int sig) __attribute__((noreturn));
void front_fail(int exited) __attribute__((noreturn));

/* front_find_terminal looks for the terminal whose modes leave.c restores.
 * front_in_foreground tells whether the front is in its foreground. */
void front_find_terminal(void);
int front_in_foreground(void);

/* front_limit_waits interrupts every later call after a second, by an alarm. */
void front_limit_waits(void);

/* The front's helpers, in helper.c. */
void helper_serve(int way, int fd, int channel); /* begins one for an order of the monitor */
void helper_continue(void);        /* continues those that are stopped */
void helper_reap(void);            /* reaps those that have ended */
void helper_finish(void);          /* waits until they have written, or an alarm comes */
void helper_forget(void);          /* has helper_finish not wait for those begun so far */
void helper_say(const char *text); /* writes text to standard error */
unsigned helper_kind(int fd);      /* the file's type (S_IFMT), not asking its file system */

/* monitor_end tells the front how to end once the monitor is gone: ORDER_DIE_BY and a
 * signal, or ORDER_END and a status. Without it the front fails, since a module may end
 * the monitor in the middle of a session. */
void monitor_end(enum order way, int value);

#endif
