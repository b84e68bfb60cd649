/*
 * monitor.c - the monitor before the Go runtime (its identity) and right after its
 * start (its signals).
 *
 * MUST leave the caller no way to reach the monitor: no uid of the caller's account,
 *   not dumpable, limits of its own.
 * MUST look the guard up before a capability is effective: NSS loads modules.
 */
#define _GNU_SOURCE
#include "interpose.h"
#include "front.h"

#include <pwd.h>
#include <signal.h>
#include <unistd.h>

/* Finds the guard's account. It must not be root's or the caller's. A root caller needs
 * no guard to start. */
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

static void do_nothing(int sig)
{
	(void)sig;
}

int monitor_settle(void)
{
	/* These are caught, not ignored, so that a program that a module starts gets the
	 * defaults back. The runtime would crash by SIGXFSZ and SIGXCPU, which limits send.
	 * SIGTTIN and SIGTTOU are ignored, or a read in the background would spin. */
	static const int caught[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGXFSZ, SIGXCPU};
	struct sigaction sa = {.sa_flags = SA_ONSTACK | SA_RESTART};
	sigset_t none;

	sigemptyset(&sa.sa_mask);
	sa.sa_handler = do_nothing;
	for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
		if (sigaction(caught[i], &sa, NULL) < 0)
			return -1;
	sa.sa_handler = SIG_IGN;
	if (sigaction(SIGTTIN, &sa, NULL) < 0 || sigaction(SIGTTOU, &sa, NULL) < 0)
		return -1;
	/* If a module aborts, the process ends without the runtime's crash text. */
	sa.sa_handler = SIG_DFL;
	if (sigaction(SIGABRT, &sa, NULL) < 0)
		return -1;
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}
