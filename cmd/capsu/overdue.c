/*
 * overdue.c - leaving what does not return.
 *
 * A PAM module or a name service that hangs has the leader, and nobody takes
 * what the front sends. SIGIO does: the socket raises it, and a thread of the
 * runtime's handles it, for the leader has it blocked: who calls capsu must not
 * be able to break into what a module waits for. When the caller has wanted an
 * end and the grace is over, the log is told, and the process ends.
 *
 * MUST do nothing in the handler that is not async-signal-safe (signal-safety(7)).
 * MUST NOT take from the socket: what is there is the leader's to read.
 * MUST act only while the leader is watched: a session is ended by who waits for it.
 */
#define _GNU_SOURCE
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define GRACE 5 /* seconds; libpam's delay of a failed attempt is over before */

static struct {
	char lock; /* what follows is its holder's */
	char watched, hangup_counts;
	int64_t deadline; /* seconds; 0: nobody wants an end */
	size_t logged, said;
	char log[1024], say[512];
} now;
static timer_t timer;

/* Between the leader and threads in the handler, which has all signals blocked:
 * nobody waits for himself. Who leaves never unlocks. */
static void lock(void)
{
	while (__atomic_test_and_set(&now.lock, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(void)
{
	__atomic_clear(&now.lock, __ATOMIC_RELEASE);
}

static int64_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void set(int64_t deadline)
{
	struct itimerspec t = {.it_value.tv_sec = deadline};

	if (now.deadline != deadline)
		timer_settime(timer, TIMER_ABSTIME, &t, NULL);
	now.deadline = deadline;
}

/* Does the caller want an end? Looked up, not taken: socket(7), SO_PEEK_OFF. */
static int end_wanted(void)
{
	static const char ends[] = {'T', 'H', 'I', 'Q', 'i', 'q'}; /* of FRONT_EVENTS */
	int first = 0, wanted = 0;
	char event;
	ssize_t n;

	setsockopt(front_start.socket, SOL_SOCKET, SO_PEEK_OFF, &first, sizeof first);
	while ((n = recv(front_start.socket, &event, 1, MSG_PEEK | MSG_DONTWAIT)) == 1)
		wanted |= memchr(ends, event, sizeof ends) != NULL;
	return wanted || (n == 0 && now.hangup_counts);
}

static void tell_log(void)
{
	const struct sockaddr_un log = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&log, sizeof log) == 0)
		send(fd, now.log, now.logged, MSG_NOSIGNAL);
}

static void leave(void)
{
	struct pollfd out = {2, POLLOUT, 0};

	tell_log();
	if (poll(&out, 1, 0) == 1 && write(2, now.say, now.said) < 0)
		_exit(1);
	_exit(FRONT_SAID);
}

static void look(void)
{
	if (now.watched && now.deadline != 0 && seconds() >= now.deadline)
		leave();
	if (now.watched && now.deadline == 0 && end_wanted())
		set(seconds() + GRACE);
}

static void heard(int sig)
{
	int err = errno;

	(void)sig;
	lock();
	look();
	unlock();
	errno = err;
}

int overdue_prepare(void)
{
	struct sigaction sa = {.sa_handler = heard, .sa_flags = SA_ONSTACK | SA_RESTART};
	struct sigevent ring = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGIO};
	int sock = front_start.socket, flags = fcntl(sock, F_GETFL);

	sigfillset(&sa.sa_mask);
	if (sigaction(SIGIO, &sa, NULL) < 0 || timer_create(CLOCK_MONOTONIC, &ring, &timer) < 0)
		return -1;
	return flags < 0 || fcntl(sock, F_SETOWN, getpid()) < 0 ? -1 : fcntl(sock, F_SETFL, flags | O_ASYNC);
}

static void copy(char *to, size_t *used, size_t room, const char *text, size_t length)
{
	*used = length < room ? length : room;
	memcpy(to, text, *used);
}

void overdue_watch(const char *log, size_t logged, const char *say, size_t said, int hangup_counts)
{
	lock();
	copy(now.log, &now.logged, sizeof now.log, log, logged);
	copy(now.say, &now.said, sizeof now.say, say, said);
	now.watched = 1;
	now.hangup_counts = (char)(hangup_counts != 0);
	look(); /* at what has come before */
	unlock();
}

void overdue_reset(int watched)
{
	lock();
	now.watched = (char)(watched != 0);
	set(0);
	unlock();
}
