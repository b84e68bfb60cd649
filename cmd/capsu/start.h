/* start.h - what start.c leaves behind for the Go program, and the front's part in it. */
#ifndef CAPSU_START_H
#define CAPSU_START_H

#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* Why there is no monitor, or what went wrong in becoming one. */
enum front_fault {
	FRONT_OK,
	FRONT_NO_PROC,     /* /proc/self/exe cannot be looked at */
	FRONT_SETID,       /* the program file has a setuid or setgid bit */
	FRONT_NO_FILECAPS, /* the program file carries no capabilities */
	FRONT_NO_PRIVILEGE,/* setuid, setgid or setpcap is not permitted */
	FRONT_NO_GUARD,    /* no user of the guard's name */
	FRONT_BAD_GUARD,   /* the guard is uid 0 or the caller */
	FRONT_NOT_OURS,    /* modules would find another function than ours, its name in call */
	FRONT_SYSTEM,      /* a call, its name in call, errno in err */
};

/* The one snapshot of what the caller handed us, taken before there were threads. */
struct front_start {
	int fault;             /* enum front_fault */
	int err;               /* errno that goes with fault, or 0 */
	const char *call;      /* with FRONT_SYSTEM: the call */
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

extern struct front_start front_start;

/* Bytes on the socket, front to monitor, one each: SIGTERM SIGHUP SIGINT SIGQUIT
 * SIGTSTP; SIGINT SIGQUIT SIGTSTP of a key; SIGCONT SIGWINCH; and that the front
 * could not be stopped. The monitor ignores anything else. */
#define FRONT_EVENTS "THIQZiqzCWO"

/* Messages of two bytes, monitor to front: stop by a signal (SIGTSTP, SIGTTIN or
 * SIGTTOU), end by a signal, end with a status. launcher/front.go has the first, too. */
#define FRONT_STOP 'S'
#define FRONT_DIE_BY 'D'
#define FRONT_END 'E'

/* Two more, with a channel (SCM_RIGHTS): a helper shall read a line from the
 * descriptor that the second byte names, or write there what comes by the channel.
 * launcher/helper.go has these values, too. */
#define FRONT_READ 'R'
#define FRONT_WRITE 'W'

/* On the channel of FRONT_READ: a message for each byte of the answer, of which
 * there are no more than PAM takes; and one of two bytes at an end without newline. */
#define FRONT_ANSWER_END 'E'
#define FRONT_ANSWER_MAX 512

/* front_settle ends the start: handlers that do nothing for the terminal's
 * signals, and an empty signal mask on the calling thread, which must be the leader. */
int front_settle(void);

/* front_fault notes what went wrong, with errno, for Go to explain. */
void front_fault(int what, const char *call);

/* monitor_begin gives this process the guard's identity (none when root calls)
 * and limits of its own; what goes wrong is noted as a fault. */
void monitor_begin(void);

/* front_refuse says why Go cannot be started, and ends this process. */
void front_refuse(const char *what, const char *hint) __attribute__((noreturn));

/* The caller's limits: refused if too low to start; then, as the guard,
 * replaced. -1 with errno. */
void limits_check(void);
int limits_replace(void);

/* front_run is the front, from the fork to its exit. */
void front_run(int sock, pid_t monitor) __attribute__((noreturn));

/* The ways out of the front, front_leave.c: by the caller's signal, without the
 * monitor; by a signal; and as a failure, after a monitor that ended without a word.
 * Before them, once: look for the terminal whose modes are put back, and see to it
 * that no call waits for longer than a second. */
void front_leave(pid_t monitor, int sig) __attribute__((noreturn));
void front_die(int sig) __attribute__((noreturn));
void front_fail(int exited) __attribute__((noreturn));
void front_find_terminal(void);
void front_do_not_wait(void);
int front_in_foreground(void);

/* The front's helpers, front_helper.c: begin one; let those that were stopped go on;
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

/* front_end tells the front how to end once the monitor is gone: FRONT_DIE_BY and
 * a signal, or FRONT_END and a status. A front that is told nothing fails: where a
 * module ends the monitor no session went well. */
void front_end(int way, int value);

#endif
