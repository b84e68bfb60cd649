/*
 * helper.c - the front's helpers: processes that read and write what the
 * monitor must not touch.
 *
 * A file system of the caller's may leave a read or a write unanswered for ever,
 * and a process that waits for it cannot be killed. So the monitor asks for a
 * helper: a process with the caller's uid and no capability, like the front. The
 * monitor polls its channel and the front's socket, and waits for nothing else.
 *
 * MUST touch such a descriptor in a helper only: the front stays killable.
 * MUST read byte by byte, not past the newline: what follows is the session's.
 * MUST leave a helper nothing but its descriptor and its channel, but for what
 *   closing could keep it: a file system is asked then, too.
 * MUST end a helper with the front.
 */
#define _GNU_SOURCE
#include "front.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHANNEL = 3, HELPERS = 8 };

static struct {
	pid_t pid; /* 0: none */
	int due;   /* what it writes is to be waited for */
} helpers[HELPERS];

/* AT_STATX_DONT_SYNC: what the kernel knows, without asking the file system. */
unsigned helper_kind(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 ? st.stx_mode & S_IFMT : 0;
}

static int answers(int fd)
{
	unsigned kind = helper_kind(fd);

	return kind == S_IFIFO || kind == S_IFSOCK || kind == S_IFCHR;
}

/* Wait until fd is ready. 0: the monitor has closed the channel, nobody waits for us. */
static int await(int fd, short event)
{
	struct pollfd fds[] = {{fd, event, 0}, {CHANNEL, 0, 0}};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return fds[1].revents == 0;
}

/* Send the answer as messages of a byte each; at its end, unless that is a newline,
 * a message of two: 0, and the errno of what went wrong or 0. */
static void read_answer(int fd)
{
	unsigned char byte, last[2] = {0, 0};
	ssize_t got = 1;

	for (int n = 0; n < ANSWER_MAX && got == 1; n += got == 1) {
		do {
			if (!await(fd, POLLIN))
				return;
			got = read(fd, &byte, 1);
		} while (got < 0 && (errno == EINTR || errno == EAGAIN));
		if (got == 1 && (send(CHANNEL, &byte, 1, MSG_NOSIGNAL) != 1 || byte == '\n'))
			return;
	}
	if (got < 0)
		last[1] = (unsigned char)errno;
	send(CHANNEL, last, sizeof last, MSG_NOSIGNAL);
}

static void write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd room = {fd, POLLOUT, 0};
			poll(&room, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return;
		}
		text += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
}

static void write_text(int fd)
{
	char text[HELPER_SLOT];
	ssize_t n;

	while ((n = recv(CHANNEL, text, sizeof text, 0)) > 0)
		write_all(fd, text, (size_t)n);
}

/* In the child: keep fd and the channel, be stopped with the front while reading. */
static void become_helper(pid_t front, int way, int fd, int channel)
{
	sigset_t stop;

	prctl(PR_SET_NAME, "capsu-helper");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != front)
		_exit(1);
	if (channel >= 0 && dup2(channel, CHANNEL) < 0)
		_exit(1);
	syscall(SYS_close_range, channel >= 0 ? CHANNEL + 1 : CHANNEL, ~0U, 0);
	for (int other = 0; other < 3; other++)
		if (other != fd && answers(other))
			close(other); /* its reader or writer waits for our end */
	if (way == ORDER_READ) {
		sigemptyset(&stop);
		sigaddset(&stop, SIGTSTP);
		signal(SIGTSTP, SIG_DFL);
		sigprocmask(SIG_UNBLOCK, &stop, NULL);
	}
}

void helper_reap(void)
{
	for (int i = 0; i < HELPERS; i++)
		if (helpers[i].pid > 0 && waitpid(helpers[i].pid, NULL, WNOHANG) > 0)
			helpers[i].pid = 0;
}

/* Fork a helper, for which there must be a place. Its pid in the front, 0 in the helper, -1. */
static pid_t begin(int way, int fd, int channel)
{
	pid_t front = getpid(), pid;
	int place = 0;

	helper_reap();
	while (place < HELPERS && helpers[place].pid > 0)
		place++;
	if (place == HELPERS)
		return -1;
	pid = fork();
	if (pid == 0)
		become_helper(front, way, fd, channel);
	if (pid > 0) {
		helpers[place].pid = pid;
		helpers[place].due = way == ORDER_WRITE;
	}
	return pid;
}

void helper_serve(int way, int fd, int channel)
{
	struct pollfd late = {channel, 0, 0};

	if (channel < 0)
		return;
	/* a prompt that is over must not read what is not its own */
	if ((way != ORDER_READ || poll(&late, 1, 0) == 0) && begin(way, fd, channel) == 0) {
		if (way == ORDER_READ)
			read_answer(fd);
		else
			write_text(fd);
		shutdown(CHANNEL, SHUT_RDWR); /* now, not when the file system has let us end */
		_exit(0);
	}
	close(channel); /* without a helper, the monitor hears of that */
}

void helper_continue(void)
{
	for (int i = 0; i < HELPERS; i++)
		if (helpers[i].pid > 0)
			kill(helpers[i].pid, SIGCONT);
}

void helper_forget(void)
{
	for (int i = 0; i < HELPERS; i++)
		helpers[i].due = 0;
}

void helper_finish(void)
{
	for (int i = 0; i < HELPERS; i++)
		if (helpers[i].pid > 0 && helpers[i].due && waitpid(helpers[i].pid, NULL, 0) < 0)
			return; /* the alarm */
}

void helper_say(const char *text)
{
	if (answers(2)) {
		if (write(2, text, strlen(text)) < 0)
			return; /* it is only shown */
	} else if (begin(ORDER_WRITE, 2, -1) == 0) {
		write_all(2, text, strlen(text));
		_exit(0);
	}
}
