/*
 * helper.c - the front's helpers: processes that read and write descriptors which the
 * monitor must not touch.
 *
 * A caller's file system (FUSE) may never answer a read or a write, and a process that
 * waits for it cannot be killed. So the monitor asks for a helper: a process with the
 * caller's uid and no capability, like the front. The monitor polls the helper's channel
 * and the front's socket, and waits for nothing else.
 *
 * MUST touch such a descriptor in a helper only, so that the front stays killable.
 * MUST read byte by byte, not past the newline: the rest is the session's input.
 * MUST close a helper's other descriptors, except files: close(2) asks the file system,
 *   which may not answer.
 * MUST end a helper when the front ends.
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
	int due;   /* 1: helper_finish waits until it has written */
} helpers[HELPERS];

/* AT_STATX_DONT_SYNC takes what the kernel knows, without asking the file system. */
unsigned helper_kind(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 ? st.stx_mode & S_IFMT : 0;
}

/* Tells whether calls on fd end, as no file system is behind it. */
static int always_answers(int fd)
{
	unsigned kind = helper_kind(fd);

	return kind == S_IFIFO || kind == S_IFSOCK || kind == S_IFCHR;
}

/* Waits until fd is ready. 0: the monitor has closed the channel and waits no longer. */
static int wait_ready(int fd, short event)
{
	struct pollfd fds[] = {{fd, event, 0}, {CHANNEL, 0, 0}};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return fds[1].revents == 0;
}

/* Sends the answer, one message per byte; see wire.h. */
static void read_answer(int fd)
{
	unsigned char byte, last[2] = {0, 0};
	ssize_t got = 1;

	for (int n = 0; n < ANSWER_MAX && got == 1; n += got == 1) {
		do {
			if (!wait_ready(fd, POLLIN))
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

/* In the child: keeps fd and the channel. A reading helper stops with the front. */
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
		if (other != fd && always_answers(other))
			close(other); /* a process at the other end may wait until we close it */
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

/* Forks a helper. Returns its pid in the front, 0 in the helper, -1 on failure or if there
 * are HELPERS already. */
static pid_t begin_helper(int way, int fd, int channel)
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
	/* if the prompt is over, the monitor has closed the channel: the input is not for it */
	if ((way != ORDER_READ || poll(&late, 1, 0) == 0) && begin_helper(way, fd, channel) == 0) {
		if (way == ORDER_READ)
			read_answer(fd);
		else
			write_text(fd);
		shutdown(CHANNEL, SHUT_RDWR); /* _exit closes files, and may wait for the file system */
		_exit(0);
	}
	close(channel); /* if there is no helper, this tells the monitor */
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
			return; /* the alarm of front_limit_waits */
}

void helper_say(const char *text)
{
	if (always_answers(2)) {
		if (write(2, text, strlen(text)) < 0)
			return; /* only a message is lost */
	} else if (begin_helper(ORDER_WRITE, 2, -1) == 0) {
		write_all(2, text, strlen(text));
		_exit(0);
	}
}
