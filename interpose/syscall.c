/*
 * syscall.c - syscall(2). A system call by number behaves like the C library's function
 * that this program defines. pam_keyinit changes ids this way.
 */
#define _GNU_SOURCE
#include "interpose.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGUMENTS(last, a) \
	long a[6]; \
	va_list list; \
	va_start(list, last); \
	for (int i = 0; i < 6; i++) \
		a[i] = va_arg(list, long); \
	va_end(list)

/* Handles a call that reads or changes uids; 0 if number is another. Not if root calls. */
static int handle_ids(long number, const long *a, long *result)
{
	switch (number) {
	case SYS_getuid:
		*result = (long)getuid();
		return 1;
	case SYS_getresuid:
		*result = getresuid((uid_t *)a[0], (uid_t *)a[1], (uid_t *)a[2]);
		return 1;
	case SYS_setfsuid:
		*result = module_setfsuid((uid_t)a[0]);
		return 1;
	case SYS_setuid:
		*result = module_setuid((uid_t)a[0]);
		return 1;
	case SYS_setreuid:
		*result = module_setreuid((uid_t)a[0], (uid_t)a[1]);
		return 1;
	case SYS_setresuid:
		*result = module_setresuid((uid_t)a[0], (uid_t)a[1], (uid_t)a[2]);
		return 1;
	}
	return 0;
}

/* Handles a call that starts a process: like fork(3), or EPERM. Threads are allowed,
 * because privilege_threads counts them. */
static int handle_process(long number, const long *a, long *result)
{
	switch (number) {
#ifdef SYS_fork /* arm64 has clone alone */
	case SYS_fork:
	case SYS_vfork:
		*result = fork();
		return 1;
#endif
	case SYS_clone:
		if (a[0] & CLONE_THREAD)
			return 0;
		if (a[0] == SIGCHLD && a[1] == 0) {
			*result = fork();
			return 1;
		}
		break;
	case SYS_clone3:
		break;
	default:
		return 0;
	}
	errno = EPERM;
	*result = -1;
	return 1;
}

/* Handles a call that reads or sets limits. */
static int handle_limits(long number, const long *a, long *result)
{
	switch (number) {
#ifdef SYS_setrlimit
	case SYS_setrlimit:
		*result = setrlimit((__rlimit_resource_t)a[0], (const struct rlimit *)a[1]);
		return 1;
#endif
#ifdef SYS_getrlimit
	case SYS_getrlimit:
		*result = getrlimit((__rlimit_resource_t)a[0], (struct rlimit *)a[1]);
		return 1;
#endif
	case SYS_prlimit64:
		*result = prlimit((pid_t)a[0], (enum __rlimit_resource)a[1], (const struct rlimit *)a[2], (struct rlimit *)a[3]);
		return 1;
	}
	return 0;
}

long syscall(long number, ...)
{
	long result;

	ARGUMENTS(number, a);
	if (privilege_modules_run() && handle_process(number, a, &result))
		return result;
	if (privilege_modules_run() && ((privilege.caller != 0 && handle_ids(number, a, &result)) || handle_limits(number, a, &result))) {
		privilege.changed_from = __builtin_return_address(0);
		return result;
	}
	return raw(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
