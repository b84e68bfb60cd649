/*
 * environment.c - what the Go runtime, the C library and modules have for an environment.
 *
 * The kernel's array of variables stays the caller's (started.environ). The Go runtime
 * reads its settings even in a privileged program, and it looks for them behind argv,
 * where there is only as much room as the caller's variables leave. So it gets a vector of
 * its own: the arguments, our settings and the auxiliary vector.
 *
 * MUST read nothing of argv, which the caller writes; the runtime gets it.
 */
#define _GNU_SOURCE
#include "front.h"
#include "privilege.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*entry)(int argc, char **argv, char **envp);
typedef int (*libc_start)(entry main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                          void (*rtld_fini)(void), void *stack_end);

static char **vector; /* NULL: as the kernel made it */
static entry runtime; /* the program's main, which starts the Go runtime */

static int enter(int argc, char **argv, char **envp) { return runtime(argc, vector ? vector : argv, envp); }

int __libc_start_main(entry main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);

/* The program starts here, in place of the C library's function. That runs the constructors,
 * start.c's among them, and then enters. */
int __libc_start_main(entry main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end)
{
	libc_start next;
	void *f = real("__libc_start_main");

	memcpy(&next, &f, sizeof next);
	runtime = main;
	return next(enter, argc, argv, init, fini, rtld_fini, stack_end);
}

/* Makes the runtime's vector: argc arguments, our settings, what stands behind the n variables. */
static void settle_runtime(int argc, char **argv, char **envp, size_t n)
{
	/* one processor; no garbage collection in so short a life; no signals of the
	 * runtime, which would interrupt a module's system calls */
	static char settings[][64] = {"GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1,containermaxprocs=0,updatemaxprocs=0"};
	const size_t args = (size_t)argc, count = sizeof settings / sizeof *settings;
	char **aux = envp + n;
	size_t words = 0;

	/* the loader leaves a NULL for each variable that it has removed */
	while (!*aux)
		aux++;
	while (aux[words]) /* pairs: a type, a value */
		words += 2;
	words += 2;
	vector = calloc(args + 1 + count + 1 + words, sizeof *vector);
	if (!vector)
		start_refuse("environment: no memory", "make the environment smaller");
	memcpy(vector, argv, args * sizeof *vector);
	for (size_t i = 0; i < count; i++)
		vector[args + 1 + i] = settings[i];
	memcpy(vector + args + 1 + count + 1, aux, words * sizeof *vector);
}

/* The C library and PAM modules get the few variables that they need to talk to a person or
 * to an ssh agent, and none that tells them what to load. (interpose/left.c adds HOME and
 * PATH.) */
void environment_replace(int argc, char **argv, char **envp)
{
	static const char *const shown[] = {"TERM=", "LANG=", "LANGUAGE=", "LC_", "DISPLAY=", "XAUTHORITY=", "SSH_AUTH_SOCK="};
	size_t n = 0, m = 0;

	while (envp[n])
		n++;
	settle_runtime(argc, argv, envp, n);
	char **modules = calloc(n + 1, sizeof *modules);
	if (!modules)
		start_refuse("environment: no memory", "make the environment smaller");
	for (size_t i = 0; i < n; i++)
		for (size_t s = 0; s < sizeof shown / sizeof *shown; s++)
			if (strncmp(envp[i], shown[s], strlen(shown[s])) == 0) {
				modules[m++] = envp[i];
				break;
			}
	environ = modules;
}
