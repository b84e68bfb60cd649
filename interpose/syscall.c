/*
 * syscall.c - syscall(2) as modules meet it: what goes by a number is the same
 * as what goes by a function (pam_keyinit changes ids this way).
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

/* Ids that a module asks for or changes by a number; not when root calls. */
static int is_of_ids(long number, const long *a, long *result)
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

/* A process, likewise: one like fork's, or none. Threads are counted elsewhere. */
static int is_of_processes(long number, const long *a, long *result)
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

/* Limits, likewise. */
static int is_of_limits(long number, const long *a, long *result)
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
	if (modules_run() && is_of_processes(number, a, &result))
		return result;
	if (modules_run() && ((privilege.caller != 0 && is_of_ids(number, a, &result)) || is_of_limits(number, a, &result))) {
		privilege.changed_from = __builtin_return_address(0);
		return result;
	}
	return raw(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
