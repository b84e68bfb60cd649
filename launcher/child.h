/* child.h - the child between fork and exec, and the leader; see child.c, leader.c. */
#ifndef CAPSU_CHILD_H
#define CAPSU_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct child_spec {
	void *pam;             /* the transaction, a pam_handle_t */
	pid_t monitor;         /* the parent; it may die before the parent-death signal is set */
	uid_t uid;             /* the target's */
	gid_t gid;
	const gid_t *groups;   /* sorted */
	size_t ngroups;
	const uid_t *regain;   /* uids that the child must not be able to regain, except uid */
	size_t nregain;
	gid_t regain_gid;      /* likewise, a gid */

	bool decided;          /* the tuple is inheritable and ambient; otherwise pam_end leaves it */
	uint64_t inheritable;
	uint64_t ambient;
	uint64_t blocked;      /* dropped from the bounding set */
	uint64_t passed;       /* if not decided: added to Inheritable (rule "all") */
	bool narrowed;         /* the session takes narrow_*, which must not exceed the grant */
	uint64_t narrow_i;
	uint64_t narrow_a;
	uint64_t narrow_b;     /* like blocked, of which it must have all */
	uint64_t dropped;      /* removed from Inheritable and Ambient */
	bool no_new_privs;
	int securebits;        /* the session's */

	bool new_session;      /* setsid(2) */
	int terminal;          /* descriptor of a pseudo-terminal's slave for the session, or -1 */
	bool replaced[3];      /* with terminal: the descriptors that become it */
	int lead;              /* with terminal: the leader's end of its socket to the monitor */
	bool foreground;       /* with terminal: the command begins in its foreground */
	const char *home;      /* the directory to enter, or NULL */
	struct rlimit limits[RLIM_NLIMITS];
	uint64_t ignored;      /* signals ignored in the session, bit n-1 */
	uint64_t mask;         /* signals blocked in the session, bit n-1 */

	const char *path;
	char *const *argv;
	char *const *envp;
	int report;            /* write end of a close-on-exec pipe */
};

/* A message up the pipe. If the pipe ends after CHILD_BOUNDS, exec has succeeded. */
struct child_report {
	int step;              /* enum child_step */
	int err;               /* errno, or 0 if two values differ that must agree */
	uint64_t want, got;    /* those values. Three steps are no faults: CHILD_TUPLE has
	                        * Inheritable and Ambient, CHILD_BOUNDS in got the bounding
	                        * set, CHILD_COMMAND in got the command's pid */
};

#define CHILD_STEPS(X) \
	X(CHILD_SIGNALS, "signals") \
	X(CHILD_CONVERSATION, "conversation") \
	X(CHILD_RAISE, "raise capabilities") \
	X(CHILD_KEEP, "keep capabilities") \
	X(CHILD_SETGROUPS, "setgroups") \
	X(CHILD_SETGID, "setresgid") \
	X(CHILD_SETUID, "setresuid") \
	X(CHILD_PAM_END, "pam_end") \
	X(CHILD_SETSID, "setsid") \
	X(CHILD_TERMINAL, "terminal") \
	X(CHILD_LEADER, "session leader") \
	X(CHILD_COMMAND, "command") \
	X(CHILD_DESCRIPTORS, "descriptors") \
	X(CHILD_SECUREBITS, "securebits") \
	X(CHILD_BEYOND_INHERITABLE, "Inheritable beyond the grant") \
	X(CHILD_BEYOND_AMBIENT, "Ambient beyond the grant") \
	X(CHILD_BEYOND_BOUNDING, "Bounding beyond the grant") \
	X(CHILD_BOUNDING, "bounding set") \
	X(CHILD_INHERITABLE, "inheritable set") \
	X(CHILD_AMBIENT, "ambient set") \
	X(CHILD_PERMITTED, "permitted set") \
	X(CHILD_REGAIN, "regaining an old identity") \
	X(CHILD_HOME, "home directory") \
	X(CHILD_LIMITS, "limits") \
	X(CHILD_PARENT, "parent") \
	X(CHILD_VERIFY_UID, "verify uids") \
	X(CHILD_VERIFY_GID, "verify gids") \
	X(CHILD_VERIFY_GROUPS, "verify groups") \
	X(CHILD_VERIFY_SETS, "verify capabilities") \
	X(CHILD_VERIFY_BOUNDING, "verify bounding set") \
	X(CHILD_VERIFY_SECUREBITS, "verify securebits") \
	X(CHILD_NO_NEW_PRIVS, "no_new_privs") \
	X(CHILD_TUPLE, "tuple") \
	X(CHILD_BOUNDS, "bounds") \
	X(CHILD_EXEC, "exec")

enum child_step {
#define X(name, text) name,
	CHILD_STEPS(X)
#undef X
};

/* child_step_name names a step for messages. */
const char *child_step_name(int step);

/* child_fork forks on the calling thread, the leader, on which PAM ran. The child follows
 * spec and never returns. The parent gets the child's pid, or -1 with errno. */
pid_t child_fork(const struct child_spec *spec);

/* The next functions are for the files that run in the child. */
struct sets;

/* child_tell sends a report. child_fail sends errno and ends the child. child_expect ends
 * it unless the two values agree. */
void child_tell(const struct child_spec *s, int step, int err, uint64_t want, uint64_t got);
void child_fail(const struct child_spec *s, int step) __attribute__((noreturn));
void child_expect(const struct child_spec *s, int step, uint64_t want, uint64_t got);

/* child_apply_tuple sets the grant or less, and empties Effective. It returns the sets that
 * the kernel must have now: tuple (e, p, i), Ambient and Bounding. */
void child_apply_tuple(const struct child_spec *s, struct sets *tuple, uint64_t *amb, uint64_t *bnd);

/* child_raise_limits sets the limits that need a capability or count at the change of uid.
 * child_set_limits sets them all. */
void child_raise_limits(const struct child_spec *s);
void child_set_limits(const struct child_spec *s);

/* child_set_signals sets the session's dispositions, child_set_mask its signal mask. */
void child_set_signals(const struct child_spec *s);
void child_set_mask(const struct child_spec *s);

/* child_take_terminal starts a new session on the pseudo-terminal, and makes it the
 * descriptors that it replaces. */
void child_take_terminal(const struct child_spec *s);

/* child_split makes this process the leader. It returns in the command, the leader's
 * child, in a process group of its own. */
void child_split(const struct child_spec *s);

/* From the leader to the monitor: si_code and si_status of waitid(2). From the monitor to
 * the leader, one byte: continue the command, in the background or foreground. */
struct lead_report { int code, status; };
enum lead_order { LEAD_BACKGROUND, LEAD_FOREGROUND };

/* child_notify has SIGCHLD's handler write to fd, an eventfd, in the monitor; -1 ends that.
 * It returns -1 with errno. */
int child_notify(int fd);

#endif
