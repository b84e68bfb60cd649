/*
 * leader.c - the session leader of a session on a pseudo-terminal, in the child; and the
 * signal handler of the monitor for a session without a session leader.
 *
 * If the command led its session, it would be alone in an orphaned process group, which
 * the kernel does not stop: no Ctrl-Z. So the session leader stays, with the target's ids and
 * nothing else. The command is its child, in a process group of its own.
 *
 * The rules of child.c hold. And the session leader
 * MUST have no capability, and MUST NOT be dumpable: its memory is a copy of the
 *   monitor's. (The child is not dumpable until it executes the shell.)
 * MUST NOT reap the command: as long as its pid is taken, the monitor's signals reach no
 *   other process.
 * MUST NOT end before the monitor has read all output: its end hangs up the
 *   terminal, and the kernel drops unread output.
 */
#define _GNU_SOURCE
#include "child.h"
#include "sets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int own; /* the first descriptor that is the session's terminal */

void child_take_terminal(const struct child_spec *s)
{
	if (setsid() < 0)
		child_fail(s, CHILD_SETSID);
	if (ioctl(s->terminal, TIOCSCTTY, 0) < 0)
		child_fail(s, CHILD_TERMINAL);
	for (int fd = 2; fd >= 0; fd--)
		if (s->replaced[fd] && (own = dup2(s->terminal, fd)) < 0)
			child_fail(s, CHILD_TERMINAL);
}

/* SIGTTOU is blocked, as all signals are, so that this works in the background. */
static int set_foreground(pid_t group)
{
	return ioctl(own, TIOCSPGRP, &group);
}

/* Moves the session to the foreground or background of its terminal. In the background the
 * session leader's group has the terminal, so that a process that wants it stops. In the
 * foreground the group that had it before, or else the command's group, gets it back. */
static void move_session(pid_t command, int foreground)
{
	static pid_t was;
	pid_t now, leader = getpid();

	if (ioctl(own, TIOCGPGRP, &now) < 0)
		return;
	if (!foreground && now != leader) {
		was = now;
		set_foreground(leader);
	} else if (foreground && now == leader && (was == 0 || set_foreground(was) < 0)) {
		set_foreground(command);
	}
}

/* Waits for room in the socket, as no report may be lost. A process that stops and continues
 * the command without end is faster than the monitor. */
static void tell_monitor(int sock, const siginfo_t *info)
{
	struct lead_report r = {info->si_code, info->si_status};
	struct pollfd room = {sock, POLLOUT, 0};

	while (send(sock, &r, sizeof r, MSG_NOSIGNAL) < 0) {
		if (errno != EINTR && errno != EAGAIN)
			_exit(1); /* the monitor notices that, if it is alive */
		poll(&room, 1, -1);
	}
}

/* Tells whether the command has changed. It must not miss a change: the signal that told
 * of it has been taken. */
static int has_changed(pid_t command, int what, siginfo_t *info)
{
	info->si_pid = 0;
	while (waitid(P_PID, command, info, what | WNOHANG) < 0)
		if (errno != EINTR)
			return 0;
	return info->si_pid != 0;
}

/* Reports how the command has stopped or ended. It returns 0 after the end. */
static int report_change(int sock, pid_t command)
{
	siginfo_t info;

	if (has_changed(command, WEXITED | WNOWAIT, &info)) {
		tell_monitor(sock, &info);
		return 0;
	}
	if (has_changed(command, WSTOPPED, &info))
		tell_monitor(sock, &info);
	return 1;
}

static void __attribute__((noreturn)) lead(const struct child_spec *s, pid_t command)
{
	struct sets none = {0, 0, 0};
	struct signalfd_siginfo info;
	sigset_t set;
	unsigned char order;

	close(s->report);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	struct pollfd fds[] = {{s->lead, POLLIN, 0}, {signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0}};
	if (fds[1].fd < 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || sets_apply(none) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		kill(command, SIGKILL);
		_exit(1);
	}
	/* SIGHUP tells of the monitor's death. It ends us, which hangs up the terminal. */
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents && read(fds[1].fd, &info, sizeof info) == sizeof info && !report_change(s->lead, command))
			fds[1].fd = -1;
		if (!fds[0].revents)
			continue;
		ssize_t n = recv(s->lead, &order, 1, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			_exit(0);
		if (n == 1) {
			move_session(command, order == LEAD_FOREGROUND);
			kill(-command, SIGCONT);
			kill(command, SIGCONT); /* the command may have left its group */
		}
	}
}

void child_split(const struct child_spec *s)
{
	pid_t leader = getpid();
	/* Not fork(3): the fork handlers of libraries have run once for this child. */
	pid_t command = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (command < 0) /* with too many processes su cannot execute the shell */
		child_fail(s, errno == EAGAIN ? CHILD_EXEC : CHILD_LEADER);
	if (command > 0)
		lead(s, command);
	if (setpgid(0, 0) < 0)
		child_fail(s, CHILD_COMMAND);
	set_foreground(s->foreground ? getpid() : leader);
	if (prctl(PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0) < 0 || getppid() != leader)
		child_fail(s, CHILD_PARENT);
	child_tell(s, CHILD_COMMAND, 0, 0, (uint64_t)getpid());
}

static int notified = -1; /* the eventfd of child_notify */

static void notify(int sig)
{
	static const uint64_t one = 1;
	int err = errno;

	(void)sig;
	if (write(notified, &one, sizeof one) < 0)
		errno = err; /* the counter is full, so the monitor will read it */
	errno = err;
}

int child_notify(int fd)
{
	struct sigaction sa = {.sa_handler = notify, .sa_flags = SA_ONSTACK | SA_RESTART};

	sigemptyset(&sa.sa_mask);
	notified = fd;
	return sigaction(SIGCHLD, &sa, NULL);
}
