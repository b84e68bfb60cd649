/* front.h - what start.c leaves behind for the Go program, and what the files of this package share. */
#ifndef CAPSU_FRONT_H
#define CAPSU_FRONT_H

#include "wire.h"

#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* The system user whose uid the monitor carries. */
#define GUARD "capsu"

/* Why there is no monitor, or what went wrong in becoming one. */
enum fault {
	FAULT_NONE,
	FAULT_NO_PROC,     /* /proc/self/exe cannot be looked at */
	FAULT_SETID,       /* the program file has a setuid or setgid bit */
	FAULT_NO_FILECAPS, /* the program file carries no capabilities */
	FAULT_NO_PRIVILEGE,/* setuid, setgid or setpcap is not permitted */
	FAULT_NO_GUARD,    /* no user of the guard's name */
	FAULT_BAD_GUARD,   /* the guard is uid 0 or the caller */
	FAULT_NOT_OURS,    /* modules would find another function than ours, its name in call */
	FAULT_SYSTEM,      /* a call, its name in call, errno in err */
};

/* The one snapshot of what the caller handed us, taken before there were threads. */
struct start {
	enum fault fault;
	int err;               /* errno that goes with fault, or 0 */
	const char *call;      /* with FAULT_SYSTEM: the call */
	int monitor;           /* 1: the front was forked off and this process is the monitor */
	int socket;            /* monitor's end of the socket to the front, -1 without */
	uid_t uid;             /* the caller: real ids at start */
	gid_t gid;
	gid_t *groups;         /* the caller's, ngroups of them */
	int ngroups;
	gid_t guard_gid;
	uid_t guard;           /* the guard's uid, or -1 when root calls and there is none */
	uint64_t permitted;    /* the permitted set at start */
	uint64_t inheritable;  /* the caller's Inheritable set */
	int securebits;        /* as found */
	uint64_t ignored;      /* bit n-1: signal n was ignored */
	uint64_t mask;         /* bit n-1: signal n was blocked */
	struct rlimit limits[RLIM_NLIMITS]; /* as found */
	char **environ;        /* the caller's environment, entries as found */
};

extern struct start started;

/* monitor_settle ends the start: handlers that do nothing for the terminal's
 * signals, and an empty signal mask on the calling thread, which must be the leader. */
int monitor_settle(void);

/* start_fault notes what went wrong, with errno, for Go to explain. */
void start_fault(enum fault fault, const char *call);

/* monitor_begin gives this process the guard's identity (none when root calls)
 * and limits of its own; what goes wrong is noted as a fault. */
void monitor_begin(void);

/* start_refuse says why Go cannot be started, and ends this process. */
void start_refuse(const char *what, const char *hint) __attribute__((noreturn));

/* The caller's limits: refused if too low to start; then, as the guard,
 * replaced. -1 with errno. */
void limits_check(void);
int limits_replace(void);

/* front_run is the front, from the fork to its exit. */
void front_run(int sock, pid_t monitor) __attribute__((noreturn));

/* The ways out of the front, leave.c: by the caller's signal, without the
 * monitor; by a signal; and as a failure, after a monitor that ended without a word.
 * Before them, once: look for the terminal whose modes are put back, and see to it
 * that no call waits for longer than a second. */
void front_leave(pid_t monitor, int sig) __attribute__((noreturn));
void front_die(int sig) __attribute__((noreturn));
void front_fail(int exited) __attribute__((noreturn));
void front_find_terminal(void);
void front_do_not_wait(void);
int front_in_foreground(void);

/* The front's helpers, helper.c: begin one; let those that were stopped go on;
 * reap what has ended; wait until what is to be written is, or an alarm comes; do not
 * wait for what has begun until now; write a text to standard error; and the type of
 * a file (S_IFMT) without asking its file system. */
void helper_serve(int way, int fd, int channel);
void helper_continue(void);
void helper_reap(void);
void helper_finish(void);
void helper_forget(void);
void helper_say(const char *text);
unsigned helper_kind(int fd);

/* monitor_end tells the front how to end once the monitor is gone: ORDER_DIE_BY and
 * a signal, or ORDER_END and a status. A front that is told nothing fails: where a
 * module ends the monitor no session went well. */
void monitor_end(enum order way, int value);

#endif
