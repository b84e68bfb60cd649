/*
 * raw.c - the C library's functions whose names this program defines as well.
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

/* raw finds the C library's function at its first use. A constructor of ours would be
 * too late: a library's constructor may run before it. */
static long find_raw(long number, ...);

long (*raw)(long number, ...) = find_raw;

void *real(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (!f)
		die(name);
	return f;
}

static long find_raw(long number, ...)
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
