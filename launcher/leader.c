/*
 * leader.c - the leader of a session on a pseudo-terminal, in the child; and
 * how the monitor hears of a child without one.
 *
 * A command that were itself the leader would be alone in an orphaned process
 * group, which the kernel does not stop: no Ctrl-Z. So the leader stays, with
 * the target's ids and nothing else, and the command is its child, in a
 * foreground process group of its own.
 *
 * The rules of child.c hold here. And the leader
 * MUST have no capability, and MUST NOT be dumpable: its memory is a copy of the
 *   monitor's. (The child is not dumpable until it executes the shell.)
 * MUST NOT reap the command: as long as its pid is taken, the monitor's signals
 *   reach it and nobody else.
 * MUST NOT leave before the monitor has read what was written: the end of a
 *   session's leader hangs up its terminal, and the kernel drops what is in it.
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

void child_take_terminal(const struct child_spec *s)
{
	if (setsid() < 0)
		child_fail(s, CHILD_SETSID);
	if (ioctl(s->terminal, TIOCSCTTY, 0) < 0)
		child_fail(s, CHILD_TERMINAL);
	for (int fd = 0; fd < 3; fd++) /* standard error stays if it went elsewhere */
		if ((fd < 2 || isatty(fd)) && dup2(s->terminal, fd) < 0)
			child_fail(s, CHILD_TERMINAL);
}

/* All signals are blocked, so SIGTTOU is. */
static int set_foreground(pid_t group)
{
	return ioctl(0, TIOCSPGRP, &group);
}

/* In the background the leader's own group is in front: who wants the terminal
 * stops. In the foreground again it is whose it was, which the command, a shell,
 * may have decided; only if that group is gone it is the command's. */
static void move(pid_t command, int foreground)
{
	static pid_t was;
	pid_t now, own = getpid();

	if (ioctl(0, TIOCGPGRP, &now) < 0)
		return;
	if (!foreground && now != own) {
		was = now;
		set_foreground(own);
	} else if (foreground && now == own && (was == 0 || set_foreground(was) < 0)) {
		set_foreground(command);
	}
}

/* None may be lost, the last least of all: who stops and continues the command
 * without end is faster than the monitor. */
static void tell_monitor(int sock, const siginfo_t *info)
{
	struct lead_report r = {info->si_code, info->si_status};
	struct pollfd room = {sock, POLLOUT, 0};

	while (send(sock, &r, sizeof r, MSG_NOSIGNAL) < 0) {
		if (errno != EINTR && errno != EAGAIN)
			_exit(1); /* which the monitor hears, if it is there */
		poll(&room, 1, -1);
	}
}

/* Nothing asks a second time: the signal that told of it has been taken. */
static int has(pid_t command, int what, siginfo_t *info)
{
	info->si_pid = 0;
	while (waitid(P_PID, command, info, what | WNOHANG) < 0)
		if (errno != EINTR)
			return 0;
	return info->si_pid != 0;
}

/* Report how the command stopped or ended. After its end there is nothing more to tell. */
static int watch(int sock, pid_t command)
{
	siginfo_t info;

	if (has(command, WEXITED | WNOWAIT, &info)) {
		tell_monitor(sock, &info);
		return 0;
	}
	if (has(command, WSTOPPED, &info))
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
	/* The monitor's death, told by this signal, is ours: it hangs up the terminal. */
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents && read(fds[1].fd, &info, sizeof info) == sizeof info && !watch(s->lead, command))
			fds[1].fd = -1;
		if (!fds[0].revents)
			continue;
		ssize_t n = recv(s->lead, &order, 1, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			_exit(0);
		if (n == 1) {
			move(command, order == LEAD_FOREGROUND);
			kill(-command, SIGCONT);
			kill(command, SIGCONT); /* it may have left its group */
		}
	}
}

void child_split(const struct child_spec *s)
{
	pid_t leader = getpid();
	/* Not fork(3): what libraries want to do around a fork has been done once. */
	pid_t command = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (command < 0) /* too many processes: under su there is no shell then */
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

static int heard = -1;

static void hear(int sig)
{
	static const uint64_t one = 1;
	int err = errno;

	(void)sig;
	if (write(heard, &one, sizeof one) < 0)
		errno = err; /* it is full: it has been told */
	errno = err;
}

int child_hear_of_children(int fd)
{
	struct sigaction sa = {.sa_handler = hear, .sa_flags = SA_ONSTACK | SA_RESTART};

	sigemptyset(&sa.sa_mask);
	heard = fd;
	return sigaction(SIGCHLD, &sa, NULL);
}
