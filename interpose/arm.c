/*
 * arm.c - the start: checks that modules will bind to this program's functions.
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

/* The functions that this program defines. A test compares them with the program's
 * dynamic symbols. */
static const struct { const char *name; void *ours; } defined[] = {
#define X(name) {#name, (void *)name},
	INTERPOSE_DEFINES(X)
#undef X
};

/* Returns the first function that modules would not find here, or that the C library
 * does not have. */
static const char *first_not_ours(void)
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
	if ((*name = first_not_ours()))
		return "exported function";
	return fork_watch() != 0 ? "pthread_atfork" : NULL;
}
