/*
 * front.c - the front: what the caller's shell sees, stops, kills and waits for.
 *
 * MUST have given up every capability before its first wait.
 * MUST pass on what happens to it, and nothing else: it is the caller's own
 *   process, so nothing it says is believed beyond "my owner wants this".
 * MUST stop only when the monitor says so: a key is for the session first.
 * MUST fail unless the monitor has said how to end.
 * MUST NOT return: it is single-threaded C to its end, never a Go program.
 */
#define _GNU_SOURCE
#include "start.h"

#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* What is passed on, as a bit of its place in FRONT_EVENTS: sent by a process,
 * and sent by the kernel, for a key. */
static const struct {
	int sig;
	unsigned char sent, key;
} passed_on[] = {
	{SIGTERM, 0, 0}, {SIGHUP, 1, 1}, {SIGINT, 2, 5}, {SIGQUIT, 3, 6}, {SIGTSTP, 4, 7},
	{SIGCONT, 8, 8}, {SIGWINCH, 9, 9},
};
enum { PASSED_ON = sizeof passed_on / sizeof *passed_on, EVENTS = sizeof FRONT_EVENTS - 1, NOT_STOPPED = 10 };

static int die_by, status = -1; /* how the monitor wants us to end: by a signal, or with a status */

/* Stop this process group as its terminal would. The kernel leaves an orphaned
 * group alone, in which nobody could continue us; then no SIGCONT is pending. */
static unsigned stop(int sig)
{
	sigset_t only, pending;

	sigemptyset(&only);
	sigaddset(&only, sig);
	signal(sig, SIG_DFL);
	kill(0, sig);
	sigprocmask(SIG_UNBLOCK, &only, NULL); /* here we stop */
	sigprocmask(SIG_BLOCK, &only, NULL);
	sigpending(&pending);
	return sigismember(&pending, SIGCONT) == 1 ? 0 : 1U << NOT_STOPPED;
}

/* One message of the monitor's; -1: there is none, 0: there never will be one.
 * With obey unset a request to stop is too late. */
static int listen_to(int sock, int obey, unsigned *waiting)
{
	unsigned char m[2];
	ssize_t n = recv(sock, m, sizeof m, MSG_DONTWAIT);

	if (n == sizeof m && m[0] == FRONT_DIE_BY)
		die_by = m[1];
	else if (n == sizeof m && m[0] == FRONT_END)
		status = m[1];
	else if (n == sizeof m && m[0] == FRONT_STOP && obey)
		*waiting |= stop(m[1]);
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? -1 : n > 0;
}

/* One signal at a time: who sends them without end must not keep the front
 * from anything else. Like signals they merge while they wait to be sent. */
static unsigned take(int signals, int sock, unsigned waiting)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof info) != sizeof info)
		return waiting;
	if (info.ssi_signo == SIGCONT)
		while (listen_to(sock, 0, &waiting) > 0)
			; /* what should have stopped us has, or was overtaken */
	for (int i = 0; i < PASSED_ON; i++)
		if ((int)info.ssi_signo == passed_on[i].sig)
			waiting |= 1U << (info.ssi_code == SI_KERNEL ? passed_on[i].key : passed_on[i].sent);
	return waiting;
}

/* What the socket has no room for stays: a SIGTERM must not be lost. */
static unsigned pass_on(int sock, unsigned waiting)
{
	for (int i = 0; i < EVENTS; i++)
		if (waiting & 1U << i && (send(sock, &FRONT_EVENTS[i], 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 || errno != EAGAIN))
			waiting &= ~(1U << i);
	return waiting;
}

/* Until the monitor is gone. */
static void serve(int sock, int signals, int monitor)
{
	struct pollfd fds[] = {{signals, POLLIN, 0}, {monitor, POLLIN, 0}, {sock, POLLIN, 0}};
	unsigned waiting = 0;

	while (!fds[1].revents && (poll(fds, 3, -1) >= 0 || errno == EINTR)) {
		waiting = take(signals, sock, waiting);
		if (fds[2].revents & (POLLIN | POLLHUP) && listen_to(sock, 1, &waiting) == 0)
			fds[2].fd = -1;
		waiting = pass_on(sock, waiting);
		fds[2].events = waiting ? POLLIN | POLLOUT : POLLIN;
	}
}

/* End as the monitor said: by a signal if it named one, else with its status. */
static void end(void)
{
	sigset_t set;

	if (die_by) {
		signal(die_by, SIG_DFL);
		sigemptyset(&set);
		sigaddset(&set, die_by);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		raise(die_by);
	}
	if (status >= 0)
		_exit(status);
}

void front_run(int sock, pid_t monitor)
{
	static const char by_signal[] = "capsu: monitor: ended by a signal\n", by_module[] = "capsu: monitor: ended by a PAM module\n";
	struct termios modes;
	int tty = -1, exited = 0;
	unsigned nothing = 0;
	uint64_t none = 0;
	sigset_t set;

	if (front_capabilities(1, &none, &none, &none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(1);
	for (int fd = 0; fd < 3 && tty < 0; fd++)
		if (tcgetattr(fd, &modes) == 0)
			tty = fd;

	sigemptyset(&set);
	for (int i = 0; i < PASSED_ON; i++)
		if (passed_on[i].sig == SIGCONT || !(front_start.ignored & 1ULL << (passed_on[i].sig - 1))) /* nohup stays nohup */
			sigaddset(&set, passed_on[i].sig);
	sigprocmask(SIG_SETMASK, &set, NULL);
	int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), pidfd = (int)syscall(SYS_pidfd_open, monitor, 0);
	if (signals < 0 || pidfd < 0)
		shutdown(sock, SHUT_WR); /* cannot wait: a hangup to the monitor */
	else
		serve(sock, signals, pidfd);

	while (waitpid(monitor, &exited, 0) < 0 && errno == EINTR)
		;
	while (listen_to(sock, 0, &nothing) > 0)
		;
	end();
	if (tty >= 0 && tcgetpgrp(tty) == getpgrp())
		tcsetattr(tty, TCSAFLUSH, &modes); /* half a password reaches nobody */
	if (WIFSIGNALED(exited) && write(2, by_signal, sizeof by_signal - 1) < 0)
		_exit(1);
	if (WIFEXITED(exited) && WEXITSTATUS(exited) != FRONT_SAID && write(2, by_module, sizeof by_module - 1) < 0)
		_exit(1);
	_exit(1);
}

void front_end(int way, int value)
{
	unsigned char message[2] = {(unsigned char)way, (unsigned char)value};

	for (int i = 0; i < 3 && send(front_start.socket, message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0; i++)
		;
}
