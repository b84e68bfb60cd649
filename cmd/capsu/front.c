/*
 * front.c - the front: what the caller's shell sees, stops, kills and waits for.
 *
 * MUST have given up every capability before its first wait.
 * MUST pass on what happens to it, and nothing else: it is the caller's own
 *   process, so nothing it says is believed beyond "my owner wants this to end".
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

/* What is passed on, in the order of FRONT_EVENTS. */
static const int passed_on[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
enum { PASSED_ON = sizeof passed_on / sizeof *passed_on };

/* One signal at a time: who sends them without end must not keep the front
 * from anything else. Like signals they merge while they wait to be sent. */
static unsigned take(int signals, unsigned waiting)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof info) == sizeof info)
		for (int i = 0; i < PASSED_ON; i++)
			if ((int)info.ssi_signo == passed_on[i])
				waiting |= 1U << i;
	return waiting;
}

/* What the socket has no room for stays: a SIGTERM must not be lost. */
static unsigned pass_on(int sock, unsigned waiting)
{
	for (int i = 0; i < PASSED_ON; i++)
		if (waiting & 1U << i && (send(sock, &FRONT_EVENTS[i], 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 || errno != EAGAIN))
			waiting &= ~(1U << i);
	return waiting;
}

/* End as the monitor said: by a signal if it named one, else with its status. */
static void end(int sock, int status)
{
	unsigned char sig;
	sigset_t set;

	if (recv(sock, &sig, 1, MSG_DONTWAIT) == 1) {
		signal(sig, SIG_DFL);
		sigemptyset(&set);
		sigaddset(&set, sig);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		raise(sig);
	}
	_exit(WEXITSTATUS(status));
}

void front_run(int sock, pid_t monitor)
{
	static const char text[] = "capsu: monitor: ended by a signal\n";
	struct termios modes;
	int tty = -1, status = 0;
	uint64_t none = 0;
	sigset_t set;
	pid_t gone;

	if (front_capabilities(1, &none, &none, &none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(1);
	for (int fd = 0; fd < 3 && tty < 0; fd++)
		if (tcgetattr(fd, &modes) == 0)
			tty = fd;

	sigemptyset(&set);
	for (int i = 0; i < PASSED_ON; i++)
		if (!(front_start.ignored & 1ULL << (passed_on[i] - 1))) /* nohup stays nohup */
			sigaddset(&set, passed_on[i]);
	sigprocmask(SIG_SETMASK, &set, NULL);
	struct pollfd fds[] = {
		{signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0},
		{(int)syscall(SYS_pidfd_open, monitor, 0), POLLIN, 0},
		{-1, POLLOUT, 0}, /* the socket, while something waits */
	};
	unsigned waiting = 0;
	if (fds[0].fd < 0 || fds[1].fd < 0)
		shutdown(sock, SHUT_WR); /* cannot wait: a hangup to the monitor */
	else
		while (!fds[1].revents && (poll(fds, 3, -1) >= 0 || errno == EINTR)) {
			waiting = pass_on(sock, take(fds[0].fd, waiting));
			fds[2].fd = waiting ? sock : -1;
		}

	while ((gone = waitpid(monitor, &status, 0)) < 0 && errno == EINTR)
		;
	if (gone == monitor && WIFEXITED(status))
		end(sock, status);
	if (tty >= 0 && tcgetpgrp(tty) == getpgrp())
		tcsetattr(tty, TCSAFLUSH, &modes); /* half a password reaches nobody */
	if (write(2, text, sizeof text - 1) < 0)
		_exit(1);
	_exit(1);
}

int front_die_by(int sig)
{
	unsigned char c = (unsigned char)sig;

	return send(front_start.socket, &c, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -1;
}
