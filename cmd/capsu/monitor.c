/*
 * monitor.c - what the monitor does in C before it is a Go program (its
 * identity), and right after (its signals).
 *
 * MUST leave nothing by which the caller could reach the monitor: guard uid
 *   in all three places, not dumpable, limits that are its own.
 * MUST look the guard up before a capability is effective: NSS runs modules.
 */
#define _GNU_SOURCE
#include "start.h"

#include <grp.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#define GUARD "capsu"

/* The monitor's identity. Afterwards nothing of the caller's can reach it. */
void monitor_become_guard(void)
{
	struct passwd *pw = NULL;

	if (front_start.uid != 0) {
		pw = getpwnam(GUARD);
		if (!pw)
			return front_fault(FRONT_NO_GUARD, NULL);
		if (pw->pw_uid == 0 || pw->pw_uid == front_start.uid)
			return front_fault(FRONT_BAD_GUARD, NULL);
	}
	if (front_effective(front_start.permitted) < 0)
		return front_fault(FRONT_SYSTEM, "capset");
	if (pw) {
		/* pam_keyinit goes through uid 0 and back, which else clears Permitted.
		 * Not when root calls: there modules shed privilege by leaving uid 0. */
		if (prctl(PR_SET_SECUREBITS, front_start.securebits | SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
			return front_fault(FRONT_SYSTEM, "securebits");
		if (setgroups(0, NULL) < 0)
			return front_fault(FRONT_SYSTEM, "setgroups");
		if (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0)
			return front_fault(FRONT_SYSTEM, "setresgid");
		if (setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
			return front_fault(FRONT_SYSTEM, "setresuid");
		front_start.guard = pw->pw_uid;
	}
	/* with fs.suid_dumpable=1 a change of identity makes it dumpable again */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return front_fault(FRONT_SYSTEM, "dumpable");
	if (limits_replace() < 0 || limits_room_for_threads() < 0)
		return front_fault(FRONT_SYSTEM, "setrlimit");
}

static void nothing(int sig)
{
	(void)sig;
}

int front_settle(void)
{
	/* Caught, not ignored: what a module starts gets the defaults back. Of the
	 * two that limits send, the runtime would make a crash. The two of background
	 * terminal access must be ignored, or reading spins. */
	static const int caught[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGXFSZ, SIGXCPU};
	struct sigaction sa = {.sa_flags = SA_ONSTACK | SA_RESTART};
	sigset_t none;

	sigemptyset(&sa.sa_mask);
	sa.sa_handler = nothing;
	for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
		if (sigaction(caught[i], &sa, NULL) < 0)
			return -1;
	sa.sa_handler = SIG_IGN;
	if (sigaction(SIGTTIN, &sa, NULL) < 0 || sigaction(SIGTTOU, &sa, NULL) < 0)
		return -1;
	/* A module that aborts ends the process: without the runtime's words. */
	sa.sa_handler = SIG_DFL;
	if (sigaction(SIGABRT, &sa, NULL) < 0)
		return -1;
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}
