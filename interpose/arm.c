/*
 * arm.c - are modules going to find our functions? And the handlers of fork(3).
 */
#define _GNU_SOURCE
#include "interpose.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <grp.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <unistd.h>

/* All that the program defines in place of the C library's. A test reads the
 * program's dynamic symbols and compares. */
static const struct { const char *name; void *ours; } defined[] = {
#define X(name) {#name, (void *)name},
	INTERPOSE_DEFINES(X)
#undef X
};

static const char *not_ours(void)
{
	Dl_info library, where;

	if (!dladdr((void *)gnu_get_libc_version, &library))
		return "gnu_get_libc_version";
	for (size_t i = 0; i < sizeof defined / sizeof *defined; i++)
		if (dlsym(RTLD_DEFAULT, defined[i].name) != defined[i].ours || !dladdr(real(defined[i].name), &where) ||
		    where.dli_fbase != library.dli_fbase)
			return defined[i].name;
	return NULL;
}

const char *interpose_arm(const char **name)
{
	if ((*name = not_ours()))
		return "exported function";
	return watch_forks() != 0 ? "pthread_atfork" : NULL;
}
