/*
 * spawn.c - the C library's other functions that start a process. glibc's own run no
 * handlers of pthread_atfork, so a module's child would have the guard's real uid and
 * could signal every monitor. These call fork(3), whose child has the ids that it has
 * under su (fork.c).
 *
 * A module with a system call instruction of its own gets past this: its child is
 * guard/0/0 until it executes a program.
 */
#define _GNU_SOURCE
#include "interpose.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* vfork(2) does not promise that parent and child share memory. */
pid_t vfork(void)
{
	return fork();
}

pid_t _Fork(void)
{
	return privilege_modules_run() ? fork() : ((pid_t (*)(void))real("_Fork"))();
}

/* Only what fork(3) does is allowed: any other flag is EPERM. */
int clone(int (*run)(void *), void *stack, int flags, void *arg, ...)
{
	if (privilege.leader == 0 || (pid_t)raw(SYS_getpid) != privilege.leader)
		return ((int (*)(int (*)(void *), void *, int, void *, ...))real("clone"))(run, stack, flags, arg);
	if ((flags & ~CSIGNAL) != 0 || (flags & CSIGNAL) != SIGCHLD) {
		errno = EPERM;
		return -1;
	}
	pid_t pid = fork();
	if (pid == 0)
		_exit(run(arg));
	return pid;
}

static int wait_for(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

static void end_like(int status)
{
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 127);
}

typedef int spawns(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                   char *const[], char *const[]);

/* Forks a child that calls the C library's function, waits for the program and ends as
 * that does. If the program cannot be started, its error number comes up a pipe. */
static int spawn(spawns *libc, pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	int report[2], err = 0;
	pid_t child, started;

	if (pipe2(report, O_CLOEXEC) < 0)
		return errno;
	child = fork();
	if (child == 0) {
		close(report[0]);
		if ((err = libc(&started, file, actions, attributes, argv, envp)) != 0) {
			_exit(write(report[1], &err, sizeof err) < 0 ? 126 : 127);
		}
		close(report[1]);
		end_like(wait_for(started));
	}
	if (child < 0)
		err = errno;
	close(report[1]);
	if (child > 0 && read(report[0], &err, sizeof err) == sizeof err)
		wait_for(child);
	close(report[0]);
	if (err == 0 && pid)
		*pid = child;
	return err;
}

int posix_spawn(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	spawns *libc = real("posix_spawn");

	return privilege_modules_run() ? spawn(libc, pid, file, actions, attributes, argv, envp)
	                     : libc(pid, file, actions, attributes, argv, envp);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	spawns *libc = real("posix_spawnp");

	return privilege_modules_run() ? spawn(libc, pid, file, actions, attributes, argv, envp)
	                     : libc(pid, file, actions, attributes, argv, envp);
}

/* As POSIX demands, the calling process ignores SIGINT and SIGQUIT meanwhile. */
int system(const char *command)
{
	int (*libc)(const char *) = real("system");
	struct sigaction ignored = {.sa_handler = SIG_IGN}, interrupt, quit, child;
	struct sigaction defaults = {.sa_handler = SIG_DFL};

	if (!command || !privilege_modules_run())
		return libc(command);
	sigaction(SIGINT, &ignored, &interrupt);
	sigaction(SIGQUIT, &ignored, &quit);
	sigaction(SIGCHLD, &defaults, &child);
	pid_t pid = fork();
	if (pid == 0) {
		sigaction(SIGINT, &interrupt, NULL);
		sigaction(SIGQUIT, &quit, NULL);
		execl("/bin/sh", "sh", "-c", "--", command, (char *)NULL);
		_exit(127);
	}
	int status = pid < 0 ? -1 : wait_for(pid);
	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGQUIT, &quit, NULL);
	sigaction(SIGCHLD, &child, NULL);
	return status;
}

/* The streams that popen has opened for modules, and the processes at their other ends. */
static struct { FILE *stream; pid_t pid; } opened[16];
enum { OPENED = sizeof opened / sizeof *opened };

static FILE *open_stream(int i, const char *command, int reads, const char *mode)
{
	int ends[2], ours = reads ? 0 : 1;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	FILE *f = fdopen(ends[ours], reads ? "r" : "w");
	pid_t pid = f ? fork() : -1;
	if (pid == 0) {
		if (dup2(ends[!ours], reads ? 1 : 0) < 0)
			_exit(127);
		execl("/bin/sh", "sh", "-c", "--", command, (char *)NULL);
		_exit(127);
	}
	close(ends[!ours]);
	if (pid < 0) {
		if (f)
			fclose(f);
		else
			close(ends[ours]);
		return NULL;
	}
	if (!strchr(mode, 'e'))
		fcntl(ends[ours], F_SETFD, 0);
	opened[i].stream = f;
	opened[i].pid = pid;
	return f;
}

FILE *popen(const char *command, const char *mode)
{
	int reads = mode[0] == 'r';

	if (!privilege_modules_run())
		return ((FILE *(*)(const char *, const char *))real("popen"))(command, mode);
	if (!reads && mode[0] != 'w') {
		errno = EINVAL;
		return NULL;
	}
	for (int i = 0; i < OPENED; i++)
		if (!opened[i].stream)
			return open_stream(i, command, reads, mode);
	errno = EMFILE;
	return NULL;
}

int pclose(FILE *stream)
{
	for (int i = 0; i < OPENED; i++)
		if (opened[i].stream && opened[i].stream == stream) {
			opened[i].stream = NULL;
			fclose(stream);
			return wait_for(opened[i].pid);
		}
	return ((int (*)(FILE *))real("pclose"))(stream);
}
