/* child.h - what the child is to become; see child.c. */
#ifndef CAPSU_CHILD_H
#define CAPSU_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct child_spec {
	void *pam;             /* the transaction, a pam_handle_t */
	pid_t monitor;         /* to notice its death before the parent-death signal is set */

	uid_t uid;             /* the target's */
	gid_t gid;
	const gid_t *groups;   /* sorted */
	size_t ngroups;
	const uid_t *regain;   /* uids that must not be had back; the target's own is passed over */
	size_t nregain;
	gid_t regain_gid;

	int decided;           /* 1: inheritable and ambient below; 0: what stands after pam_end */
	uint64_t inheritable;
	uint64_t ambient;
	uint64_t blocked;      /* dropped from the bounding set */
	uint64_t passed;       /* not decided: Inheritable added to what stands (rule "all") */
	int narrowed;          /* 1: the session takes narrow_* instead, if that is no more than the grant */
	uint64_t narrow_i;
	uint64_t narrow_a;
	uint64_t narrow_b;     /* blocked; what blocked has must be in it */
	uint64_t dropped;      /* taken off Inheritable and Ambient */
	int no_new_privs;
	int securebits;        /* the session's */

	int new_session;       /* setsid */
	int terminal;          /* descriptor of a pseudo-terminal's slave for the session, or -1 */
	int lead;              /* with terminal: the leader's end of its socket to the monitor */
	int foreground;        /* with terminal: the command begins in its foreground */
	const char *home;      /* directory to enter, NULL: stay */
	struct rlimit limits[RLIM_NLIMITS];
	uint64_t ignored;      /* signals ignored in the session, bit n-1 */
	uint64_t mask;         /* signals blocked in the session, bit n-1 */

	const char *path;
	char *const *argv;
	char *const *envp;
	int report;            /* write end of a close-on-exec pipe */
};

/* What comes up the pipe. Its end after CHILD_BOUNDS means that exec succeeded. */
struct child_report {
	int step;              /* enum child_step */
	int err;               /* errno, or 0 where two values should agree and do not */
	uint64_t want, got;    /* those values; of CHILD_TUPLE, which is no fault, Inheritable
	                        * and Ambient; of CHILD_BOUNDS what is left of Bounding; of
	                        * CHILD_COMMAND the pid of the session leader's child */
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

/* child_fork forks on the calling thread, which must be the one that ran PAM,
 * and runs spec in the child. Returns the child's pid, or -1 with errno. */
pid_t child_fork(const struct child_spec *spec);

/* Between the files that run in the child. */
struct sets;

/* child_tell reports; child_fail reports errno and ends; child_same ends
 * unless two values agree. */
void child_tell(const struct child_spec *s, int step, int err, uint64_t want, uint64_t got);
void child_fail(const struct child_spec *s, int step) __attribute__((noreturn));
void child_same(const struct child_spec *s, int step, uint64_t want, uint64_t got);

/* child_apply_tuple takes the grant or less, leaves nothing effective, and says
 * what should stand now: tuple (e, p, i), Ambient and Bounding. */
void child_apply_tuple(const struct child_spec *s, struct sets *tuple, uint64_t *amb, uint64_t *bnd);

/* child_limits_first obeys of the limits what needs the capabilities, or must stand
 * before the change of uid; child_limits obeys them all. */
void child_limits_first(const struct child_spec *s);
void child_limits(const struct child_spec *s);

/* child_default_signals sets the session's dispositions, child_unblock its signal mask. */
void child_default_signals(const struct child_spec *s);
void child_unblock(const struct child_spec *s);

/* child_take_terminal makes the pseudo-terminal this new session's, and its
 * descriptors 0 to 2 as far as they were terminals. */
void child_take_terminal(const struct child_spec *s);

/* child_split makes this process the leader of the session and returns in its
 * child, the command, in a process group of its own. */
void child_split(const struct child_spec *s);

/* Messages of the leader to the monitor, si_code and si_status of waitid(2); and
 * what the monitor says by one byte: continue in foreground or background. */
struct lead_report { int code, status; };
enum lead_order { LEAD_BACKGROUND, LEAD_FOREGROUND };

/* child_hear_of_children has fd, an eventfd, written to when a child of this
 * process stops or ends. */
int child_hear_of_children(int fd);

#endif
