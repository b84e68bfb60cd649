/*
 * base.c - what the files of this package share: the snapshot, and the functions that
 * report a fault.
 */
#define _GNU_SOURCE
#include "front.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct start started = {.socket = -1, .guard = (uid_t)-1};

void start_fault(enum fault fault, const char *call)
{
	started.fault = fault;
	started.call = call;
	started.err = errno;
}

void monitor_end(enum order way, int value)
{
	unsigned char message[2] = {(unsigned char)way, (unsigned char)value};
	struct pollfd room = {started.socket, POLLOUT, 0};

	/* a stopped front reads it later; if the front is gone, send fails and that is all */
	while (send(started.socket, message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EINTR))
		poll(&room, 1, -1);
}

void start_refuse(const char *what, const char *hint)
{
	char text[512];
	int n = snprintf(text, sizeof text, "capsu: %s\ncapsu: hint: %s\n", what, hint);

	if (started.monitor)
		monitor_end(ORDER_END, 1);
	if (write(2, text, (size_t)n) < 0)
		_exit(1);
	_exit(1);
}
