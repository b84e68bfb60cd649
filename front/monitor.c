/*
 * monitor.c - what the monitor does in C before it is a Go program (its
 * identity), and right after (its signals).
 *
 * MUST leave nothing by which the caller could reach the monitor: guard uid
 *   in all three places, not dumpable, limits that are its own.
 * MUST look the guard up before a capability is effective: NSS runs modules.
 */
#define _GNU_SOURCE
#include "interpose.h"
#include "front.h"

#include <pwd.h>
#include <signal.h>
#include <unistd.h>

/* The guard, if there is one and it is one. Root needs none to begin with. */
static int find_guard(void)
{
	struct passwd *pw = getpwnam(GUARD);
	int bad = pw && (pw->pw_uid == 0 || pw->pw_uid == started.uid);

	if (pw && !bad) {
		started.guard = pw->pw_uid;
		started.guard_gid = pw->pw_gid;
	} else if (started.uid != 0) {
		start_fault(bad ? FAULT_BAD_GUARD : FAULT_NO_GUARD, NULL);
		return -1;
	}
	return 0;
}

/* The monitor's identity. Afterwards nothing of the caller's can reach it. */
void monitor_begin(void)
{
	struct privilege_start start = {
		.caller = started.uid, .securebits = started.securebits, .ignored = started.ignored, .limits = started.limits,
	};
	const char *failed, *name;

	if (find_guard() < 0)
		return;
	start.guard = started.guard;
	start.guard_gid = started.guard_gid;
	failed = interpose_arm(&name);
	if (!failed)
		failed = privilege_arm(&start);
	if (failed)
		start_fault(name ? FAULT_NOT_OURS : FAULT_SYSTEM, name ? name : failed);
	else if (limits_replace() < 0)
		start_fault(FAULT_SYSTEM, "setrlimit");
}

static void nothing(int sig)
{
	(void)sig;
}

int monitor_settle(void)
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
