/* sets.c - the capability sets of the calling thread, by raw calls. */
#define _GNU_SOURCE
#include "privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int sets_apply(struct sets c)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {
		{(uint32_t)c.e, (uint32_t)c.p, (uint32_t)c.i},
		{(uint32_t)(c.e >> 32), (uint32_t)(c.p >> 32), (uint32_t)(c.i >> 32)},
	};
	return (int)raw(SYS_capset, &h, d);
}

int sets_read(struct sets *c)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	if (raw(SYS_capget, &h, d) < 0)
		return -1;
	c->e = d[0].effective | (uint64_t)d[1].effective << 32;
	c->p = d[0].permitted | (uint64_t)d[1].permitted << 32;
	c->i = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	return 0;
}

int sets_effective(uint64_t e)
{
	struct sets c;

	if (sets_read(&c) < 0)
		return -1;
	if (c.e == (c.p & e))
		return 0;
	c.e = c.p & e;
	return sets_apply(c);
}

uint64_t sets_ambient(void)
{
	uint64_t set = 0;

	for (int c = 0; c <= LAST; c++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, c, 0, 0) == 1)
			set |= BIT(c);
	return set;
}

uint64_t sets_bounding(void)
{
	uint64_t set = 0;

	for (int c = 0; c <= LAST; c++)
		if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1)
			set |= BIT(c);
	return set;
}

int sets_bound(uint64_t keep)
{
	for (int c = 0; c <= LAST; c++)
		if (!(keep & BIT(c)) && prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
			return -1;
	return 0;
}

int sets_raise_ambient(uint64_t set)
{
	for (int c = 0; c <= LAST; c++)
		if (set & BIT(c) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) < 0)
			return -1;
	return 0;
}
