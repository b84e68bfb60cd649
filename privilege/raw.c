/*
 * raw.c - the C library's own functions, where this program defines one of the same name.
 */
#define _GNU_SOURCE
#include "privilege.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void die(const char *what)
{
	dprintf(2, "capsu: %s: the process cannot go on\n", what);
	_exit(1);
}

/* Its first use may come before any constructor of ours: a library's own. */
static long first(long number, ...);

long (*raw)(long number, ...) = first;

void *real(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (!f)
		die(name);
	return f;
}

static long first(long number, ...)
{
	long a[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	raw = (long (*)(long, ...))real("syscall");
	return raw(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
