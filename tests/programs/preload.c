/*
 * preload.c - a library for /etc/ld.so.preload. It defines a function of the C
 * library's, which -D NAME names, and does the same as the C library.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

typedef long function(long, long, long, long, long, long);

long NAME(long a, long b, long c, long d, long e, long f)
{
	static function *next;

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
	if (!next)
		next = (function *)dlsym(RTLD_NEXT, TEXT(NAME));
	return next(a, b, c, d, e, f);
}
