/*
 * limits.c - the C library's functions for resource limits. They read and write a record
 * of the session's limits, which the monitor does not obey.
 *
 * The record starts with the caller's limits and then changes as su changes them. Modules
 * and their threads read and set the record. It is applied to a module's child (fork.c)
 * and to the session. So a limit cannot hang or crash the monitor, and a limit that a
 * module sets holds even if it equals the caller's.
 *
 * MUST follow the kernel's rules (setrlimit(2)), with those for raising a limit.
 */
#define _GNU_SOURCE
#include "interpose.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int interpose_sanitise(void)
{
	struct rlimit *l = privilege.limits;

	/* The caller's limits must not cut off a file that the target writes. */
	l[RLIMIT_FSIZE].rlim_cur = l[RLIMIT_FSIZE].rlim_max;
	l[RLIMIT_AS].rlim_cur = l[RLIMIT_AS].rlim_max;
	l[RLIMIT_NICE] = l[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
	if (l[RLIMIT_NOFILE].rlim_max >= USUAL_FILES)
		l[RLIMIT_NOFILE].rlim_cur = USUAL_FILES;
	return 0;
}

int limits_apply(void)
{
	struct rlimit now;

	for (int r = 0; r < RLIM_NLIMITS; r++) {
		if (raw(SYS_prlimit64, 0, r, NULL, &now) < 0)
			return -1;
		if (memcmp(&now, &privilege.limits[r], sizeof now) != 0 &&
		    raw(SYS_prlimit64, 0, r, &privilege.limits[r], NULL) < 0)
			return -1;
	}
	return 0;
}

/* The kernel refuses to raise RLIMIT_NOFILE beyond /proc/sys/fs/nr_open. */
static int exceeds_kernel(int resource, rlim_t most)
{
	unsigned long long n = 0;
	FILE *f;

	if (resource != RLIMIT_NOFILE || most <= privilege.limits[resource].rlim_max)
		return 0;
	f = fopen("/proc/sys/fs/nr_open", "re");
	if (!f)
		return 1;
	int read = fscanf(f, "%llu", &n);
	fclose(f);
	return read != 1 || most > n;
}

static int record(int resource, const struct rlimit *want)
{
	struct rlimit *l;
	struct sets now;

	if (resource < 0 || resource >= RLIM_NLIMITS || want->rlim_cur > want->rlim_max) {
		errno = EINVAL;
		return -1;
	}
	l = &privilege.limits[resource];
	if (exceeds_kernel(resource, want->rlim_max) ||
	    (want->rlim_max > l->rlim_max && (sets_read(&now) < 0 || !(now.e & BIT(CAP_SYS_RESOURCE))))) {
		errno = EPERM;
		return -1;
	}
	*l = *want;
	return 0;
}

static int read_record(int resource, struct rlimit *to)
{
	if (resource < 0 || resource >= RLIM_NLIMITS) {
		errno = EINVAL;
		return -1;
	}
	*to = privilege.limits[resource];
	return 0;
}

int prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *want, struct rlimit *old)
{
	struct rlimit before;

	if ((pid != 0 && pid != privilege.leader) || privilege.leader == 0 || (pid_t)raw(SYS_getpid) != privilege.leader)
		return (int)raw(SYS_prlimit64, pid, resource, want, old);
	if (read_record((int)resource, &before) < 0 || (want && record((int)resource, want) < 0))
		return -1;
	if (old)
		*old = before;
	return 0;
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *want)
{
	return prlimit(0, (enum __rlimit_resource)resource, want, NULL);
}

int getrlimit(__rlimit_resource_t resource, struct rlimit *to)
{
	return prlimit(0, (enum __rlimit_resource)resource, NULL, to);
}

/* glibc has a second set of names. On the machines that capsu runs on both have one layout. */
_Static_assert(sizeof(struct rlimit) == sizeof(struct rlimit64), "rlim_t has 64 bits");

int prlimit64(pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *want, struct rlimit64 *old)
{
	return prlimit(pid, resource, (const struct rlimit *)want, (struct rlimit *)old);
}

int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *want)
{
	return prlimit(0, (enum __rlimit_resource)resource, (const struct rlimit *)want, NULL);
}

int getrlimit64(__rlimit_resource_t resource, struct rlimit64 *to)
{
	return prlimit(0, (enum __rlimit_resource)resource, NULL, (struct rlimit *)to);
}
