/*
 * leave.c - the ways out of the front, and the terminal's modes, which it restores.
 *
 * MUST restore the terminal's modes if the monitor cannot.
 * MUST NOT wait: neither a log daemon nor a reader of standard error may hold up the
 *   caller.
 */
#define _GNU_SOURCE
#include "front.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <syslog.h>
#include <termios.h>
#include <unistd.h>

#define HINT "capsu: hint: the system log may tell an administrator why\n"

static struct termios modes; /* of the terminal, as found */
static int tty = -1;         /* the terminal's descriptor, or -1 */

void front_find_terminal(void)
{
	for (int fd = 0; fd < 3 && tty < 0; fd++)
		if (helper_kind(fd) == S_IFCHR && tcgetattr(fd, &modes) == 0)
			tty = fd;
}

int front_in_foreground(void)
{
	return tty >= 0 && tcgetpgrp(tty) == getpgrp();
}

void front_die(int sig)
{
	sigset_t set;

	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
	_exit(128 + sig); /* process 1 of a namespace does not die by a signal of its own */
}

/* TCSAFLUSH drops a half-typed password, so that the shell does not read it. */
static void restore_terminal(void)
{
	if (front_in_foreground())
		tcsetattr(tty, TCSAFLUSH, &modes);
}

static void do_nothing(int sig)
{
	(void)sig;
}

/* A log daemon or a reader of standard error may hang. Helpers begun so far are not waited
 * for: the monitor has done that. */
void front_limit_waits(void)
{
	const struct sigaction sa = {.sa_handler = do_nothing};
	const struct itimerval second = {{1, 0}, {1, 0}};

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &second, NULL);
	helper_forget();
}

void front_leave(pid_t monitor, int sig)
{
	front_limit_waits();
	restore_terminal();
	helper_say("capsu: a PAM module or the name service does not answer; it is left alone\n" HINT);
	openlog("capsu", LOG_PID, LOG_AUTHPRIV);
	syslog(LOG_NOTICE, "monitor %d: does not answer; left by its caller, uid %d", (int)monitor, (int)started.uid);
	helper_finish();
	front_die(sig);
}

void front_fail(int exited)
{
	char text[128] = "capsu: monitor: ended without a status, perhaps by a PAM module\n" HINT;

	front_limit_waits();
	restore_terminal();
	if (WIFSIGNALED(exited))
		snprintf(text, sizeof text, "capsu: monitor: ended by signal %d\n" HINT, WTERMSIG(exited));
	helper_say(text);
	helper_finish();
	_exit(1);
}
