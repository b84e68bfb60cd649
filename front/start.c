/*
 * start.c - everything that must happen before there are threads.
 *
 * start is a constructor: it runs in the only thread, before the Go runtime starts. It
 * splits the process in two. The parent becomes the front (front.c), which the caller's
 * shell waits for: it has no capability and never runs Go. The child becomes the
 * monitor, with the guard's identity, and goes on into the Go runtime. The caller cannot
 * signal, trace or limit it.
 *
 * MUST run no Go, start no thread, keep no file open but 0-2 and the socket.
 * MUST leave Effective, Inheritable and Ambient empty in the installed program.
 * MUST read nothing of argv, which the caller writes; the runtime gets it.
 * MUST NOT decide or print: Go explains faults (start.go), except those with which Go
 *   cannot start (limits.c).
 * MUST NOT do anything in a test binary, or without privilege: a copy without file
 *   capabilities gets no monitor unless root calls, and Go refuses.
 */
#define _GNU_SOURCE
#include "privilege.h"
#include "front.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/*
 * Opens /dev/null for a closed descriptor 0, 1 or 2, before another file gets its
 * number. In a privileged program the C library has done that already, but it opens
 * devices the wrong way round, so that every call on them fails.
 */
static void open_standard_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++) {
		int way = fd == 0 ? O_RDONLY : O_WRONLY, flags = fcntl(fd, F_GETFL);
		struct statx st;

		if (flags >= 0) {
			/* DONT_SYNC: only what the kernel knows, as a file system might never answer */
			if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0 || !S_ISCHR(st.stx_mode) ||
			    (flags & O_ACCMODE) != (fd == 0 ? O_WRONLY : O_RDONLY) ||
			    st.stx_rdev_major != 1 || (st.stx_rdev_minor != 3 && st.stx_rdev_minor != 7))
				continue;
			close(fd);
		}
		/* the lowest free number is fd: those below it are open */
		if (open("/dev/null", way) != fd)
			_exit(1); /* there is no descriptor for a message */
	}
}

static void take_snapshot(char **envp)
{
	struct sets sets = {0, 0, 0};
	struct sigaction sa;
	sigset_t mask;

	started.uid = getuid();
	started.gid = getgid();
	started.ngroups = getgroups(0, NULL);
	started.groups = calloc((size_t)started.ngroups + 1, sizeof *started.groups);
	if (!started.groups || getgroups(started.ngroups, started.groups) != started.ngroups)
		_exit(1);
	started.securebits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
	sets_read(&sets);
	started.permitted = sets.p;
	started.inheritable = sets.i;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int sig = 1; sig <= 64; sig++) {
		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			started.ignored |= 1ULL << (sig - 1);
		if (sigismember(&mask, sig) == 1)
			started.mask |= 1ULL << (sig - 1);
	}
	for (int r = 0; r < RLIM_NLIMITS; r++)
		getrlimit(r, &started.limits[r]);
	started.environ = envp;
}

/* Sets Permitted, and empties Effective, Inheritable and with it Ambient. */
static void lower_sets(uint64_t permitted)
{
	const struct sets lowered = {0, permitted, 0};

	if (sets_apply(lowered) < 0)
		_exit(1);
}

/* Tells whether the program has its capabilities, from its file or, if root calls, from
 * the caller. Root needs no file capabilities, nor the right to gain any. */
static int has_privilege(void)
{
	static const uint64_t ids = BIT(CAP_SETUID) | BIT(CAP_SETGID), needed = ids | BIT(CAP_SETPCAP);

	if (started.uid == 0 && (started.permitted & ids) == ids)
		return 1;
	if (getxattr("/proc/self/exe", "security.capability", NULL, 0) <= 0)
		start_fault(FAULT_NO_FILECAPS, NULL);
	else if ((started.permitted & needed) != needed || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
		start_fault(FAULT_NO_PRIVILEGE, NULL);
	else
		return 1;
	return 0;
}

/* Tells whether this process may have a monitor, and notes the fault if not. */
static int may_begin(void)
{
	struct stat st;

	if (stat("/proc/self/exe", &st) < 0) {
		start_fault(FAULT_NO_PROC, "stat");
	} else if (st.st_mode & (S_ISUID | S_ISGID) || getuid() != geteuid() || getgid() != getegid()) {
		start_fault(FAULT_SETID, NULL);
		/* never go on with the file owner's identity */
		if (setresgid(getgid(), getgid(), getgid()) < 0 || setresuid(getuid(), getuid(), getuid()) < 0)
			_exit(1);
	} else if (has_privilege()) {
		return 1;
	} else if (started.fault == FAULT_NO_PRIVILEGE) {
		lower_sets(0);
	}
	return 0;
}

/* Package front/inert defines it, which only tests import: root may run them. */
extern const int capsu_is_tested __attribute__((weak));

/* Splits the process in two, the front and the monitor. */
static void split(void)
{
	const char *failed;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return start_fault(FAULT_SYSTEM, "socketpair");
	if ((failed = privilege_before_fork(started.uid, started.securebits)))
		return start_fault(FAULT_SYSTEM, failed);
	pid_t child = fork();
	if (child < 0)
		start_refuse("fork: too many processes", "end some, or raise the limit (RLIMIT_NPROC): ulimit -u");
	failed = privilege_after_fork(started.uid, started.securebits);
	if (child > 0) {
		if (failed)
			_exit(1);
		close(pair[1]);
		front_run(pair[0], child);
	}
	close(pair[0]);
	started.socket = pair[1];
	started.monitor = 1;
	if (failed)
		return start_fault(FAULT_SYSTEM, failed);
	monitor_begin();
}

__attribute__((constructor)) static void start(int argc, char **argv, char **envp)
{
	static const int blocked[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU,
	                              SIGALRM, SIGVTALRM, SIGUSR1, SIGUSR2, SIGXFSZ, SIGXCPU};
	sigset_t set;

	if (&capsu_is_tested)
		return;
	open_standard_descriptors();
	take_snapshot(envp);
	if (!may_begin()) {
		if (started.fault != FAULT_NO_FILECAPS)
			environment_replace(argc, argv, envp);
		return;
	}
	lower_sets(started.permitted);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		_exit(1);
	limits_check(); /* before anything is opened */
	signal(SIGCHLD, SIG_DFL); /* if it is ignored, the kernel discards our children's status */
	environment_replace(argc, argv, envp);
	syscall(SYS_close_range, 3, ~0U, 0);

	/* until monitor_settle only the runtime's own signals reach the monitor */
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++)
		sigaddset(&set, blocked[i]);
	sigprocmask(SIG_SETMASK, &set, NULL);
	split();
	if (!started.monitor)
		lower_sets(0); /* Go explains the fault, as the caller */
	else if (sets_effective(0) < 0)
		start_refuse("capset: capabilities cannot be lowered", "the system log may say what forbids it");
}
