/*
 * front.c - the front: the process that the caller's shell stops, kills and waits for.
 *
 * MUST have given up every capability before its first wait.
 * MUST pass on what happens to it, and nothing else. It is the caller's own process, so
 *   the monitor takes its messages for the caller's wishes and no more.
 * MUST stop only when the monitor says so: a key is for the session first.
 * MUST fail unless the monitor has said how to end.
 * MUST leave the monitor if that has not read a termination request within five seconds:
 *   a module hangs. The monitor goes on alone, and closes what it has opened.
 * MUST NOT return: it stays single-threaded C, never Go.
 */
#define _GNU_SOURCE
#include "sets.h"
#include "front.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The signals that are passed on, with two events: one for a signal that a process has sent,
 * one for a signal that the kernel has sent (a key, mostly). The first ENDS of them are termination requests. */
static const struct {
	int sig;
	enum event sent, key;
} passed_on[] = {
	{SIGTERM, EVENT_TERM, EVENT_TERM}, {SIGHUP, EVENT_HUP, EVENT_HUP},
	{SIGINT, EVENT_INT, EVENT_KEY_INT}, {SIGQUIT, EVENT_QUIT, EVENT_KEY_QUIT},
	{SIGTSTP, EVENT_TSTP, EVENT_KEY_TSTP}, {SIGCONT, EVENT_CONT, EVENT_CONT}, {SIGWINCH, EVENT_WINCH, EVENT_WINCH},
};
enum { PASSED_ON = sizeof passed_on / sizeof *passed_on, ENDS = 4 };

static int die_by, status = -1; /* how the monitor wants us to end: by a signal, or with a status */

/* A termination request that the monitor has not read yet, and since how many turns. A turn
 * is at least 100 ms and counts once, so a pause of the whole machine is one turn. */
static struct {
	int sig, turns;
	int64_t turned;
} unheard;
enum { TURN = 100 /* ms */, PATIENCE = 50 /* turns */ };

/* Stops this process group as its terminal would. SIGTTIN and SIGTTOU stop it only in the
 * background, which the shell's fg may have ended meanwhile. The kernel does not stop an
 * orphaned group, since no shell could continue it; then no SIGCONT is pending. */
static unsigned stop_group(int sig)
{
	sigset_t only, pending;

	if (sig != SIGTSTP && front_in_foreground())
		return 1U << EVENT_CONT;
	sigemptyset(&only);
	sigaddset(&only, sig);
	signal(sig, SIG_DFL);
	kill(0, sig);
	sigprocmask(SIG_UNBLOCK, &only, NULL); /* here we stop */
	sigprocmask(SIG_BLOCK, &only, NULL);
	sigpending(&pending);
	return sigismember(&pending, SIGCONT) == 1 ? 0 : 1U << EVENT_NOT_STOPPED;
}

/* Receives a message of the monitor, and the channel that may come with it, or -1. */
static ssize_t receive(int sock, unsigned char message[2], int *channel)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} with;
	struct iovec part = {message, 2};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &with, .msg_controllen = sizeof with};
	ssize_t n = recvmsg(sock, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	*channel = -1;
	if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(channel, CMSG_DATA(c), sizeof(int));
	return n;
}

/* Takes one message of the monitor. -1: there is none; 0: there will be no more. If obey
 * is 0, it ignores a request to stop, which comes too late. */
static int listen_to(int sock, int obey, unsigned *waiting)
{
	unsigned char m[2];
	int channel;
	ssize_t n = receive(sock, m, &channel);

	if (n == sizeof m && m[0] == ORDER_DIE_BY)
		die_by = m[1];
	else if (n == sizeof m && m[0] == ORDER_END)
		status = m[1];
	else if (n == sizeof m && m[0] == ORDER_STOP && obey)
		*waiting |= stop_group(m[1]);
	else if (n == sizeof m && (m[0] == ORDER_READ || m[0] == ORDER_WRITE))
		helper_serve(m[0], m[1], channel);
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? -1 : n > 0;
}

/* Takes one signal. A caller who sends them without end must not keep the front from its
 * other work. Events merge, as signals do, while they wait to be sent. */
static unsigned take_signal(int signals, int sock, unsigned waiting)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof info) != sizeof info)
		return waiting;
	if (info.ssi_signo == SIGCHLD)
		helper_reap();
	if (info.ssi_signo == SIGCONT) {
		helper_continue();
		while (listen_to(sock, 0, &waiting) > 0)
			; /* a request to stop has been carried out, or SIGCONT has overtaken it */
	}
	for (int i = 0; i < PASSED_ON; i++)
		if ((int)info.ssi_signo == passed_on[i].sig) {
			waiting |= 1U << (info.ssi_code == SI_KERNEL ? passed_on[i].key : passed_on[i].sent);
			if (i < ENDS && unheard.sig == 0)
				unheard.sig = passed_on[i].sig;
		}
	return waiting;
}

/* Sends the waiting events. If the socket has no room, they go on waiting, as a SIGTERM
 * must not be lost. */
static unsigned pass_on(int sock, unsigned waiting)
{
	for (unsigned char event = 0; event < EVENTS; event++)
		if (waiting & 1U << event && (send(sock, &event, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 || errno != EAGAIN))
			waiting &= ~(1U << event);
	return waiting;
}

/* Tells whether the monitor has not read a termination request for PATIENCE turns. It has
 * read all if nothing waits to be sent and, by SIOCOUTQ (unix(7)), nothing waits to be read. */
static int monitor_hangs(int sock, unsigned waiting)
{
	struct timespec t;
	int unread = 0;

	if (unheard.sig == 0)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &t);
	int64_t now = t.tv_sec * 1000LL + t.tv_nsec / 1000000;
	if (waiting == 0 && (ioctl(sock, SIOCOUTQ, &unread) < 0 || unread == 0)) {
		unheard.sig = unheard.turns = 0;
	} else if (unheard.turns == 0 || now - unheard.turned >= TURN) {
		unheard.turned = now;
		unheard.turns++;
	}
	return unheard.turns > PATIENCE;
}

/* Passes signals on to the monitor and obeys its orders, until the monitor is gone or hangs. */
static void serve(int sock, int signals, int monitor)
{
	struct pollfd fds[] = {{signals, POLLIN, 0}, {monitor, POLLIN, 0}, {sock, POLLIN, 0}};
	unsigned waiting = 0;

	while (!fds[1].revents && !monitor_hangs(sock, waiting) && (poll(fds, 3, unheard.sig ? TURN : -1) >= 0 || errno == EINTR)) {
		waiting = take_signal(signals, sock, waiting);
		if (fds[2].revents & (POLLIN | POLLHUP) && listen_to(sock, 1, &waiting) == 0)
			fds[2].fd = -1;
		waiting = pass_on(sock, waiting);
		fds[2].events = waiting ? POLLIN | POLLOUT : POLLIN;
	}
}

/* Ends as the monitor said: by its signal, otherwise with its status. Returns if it has
 * said neither. */
static void end_as_told(int sock)
{
	unsigned none = 0;

	front_limit_waits();
	while (listen_to(sock, 0, &none) > 0)
		;
	helper_finish();
	if (die_by)
		front_die(die_by);
	if (status >= 0)
		_exit(status);
}

void front_run(int sock, pid_t monitor)
{
	int exited = 0;
	const struct sets none = {0, 0, 0};
	sigset_t set;

	if (sets_apply(none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(1);
	front_find_terminal();
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (int i = 0; i < PASSED_ON; i++)
		if (passed_on[i].sig == SIGCONT || !(started.ignored & 1ULL << (passed_on[i].sig - 1))) /* nohup(1) stays in force */
			sigaddset(&set, passed_on[i].sig);
	sigprocmask(SIG_SETMASK, &set, NULL);
	int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), pidfd = (int)syscall(SYS_pidfd_open, monitor, 0);
	if (signals < 0 || pidfd < 0)
		shutdown(sock, SHUT_WR); /* the front cannot wait; the monitor takes this for a hangup */
	else
		serve(sock, signals, pidfd);
	if (unheard.turns > PATIENCE)
		front_leave(monitor, unheard.sig);

	while (waitpid(monitor, &exited, 0) < 0 && errno == EINTR)
		;
	end_as_told(sock);
	front_fail(exited);
}
