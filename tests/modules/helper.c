/*
 * helper.c - a PAM module that starts a program in each phase, as pam_exec does.
 *
 *   RUN=PROGRAM     it gets the phase's name as its argument
 *   OUT=FILE        its output is appended to this file
 *   ATTACK=PID      CAPSU_ATTACK in its environment
 *   WAY=            fork, vfork, _Fork, syscall (of fork): and exec. spawn,
 *                   system, popen: by these calls, through a shell
 *   SHED=           none. module: the module has shed its privilege before. root: it
 *                   goes to uid 0, as far as it may.
 *                   caller, target: the forked process becomes the caller for
 *                   good, or takes the target's effective uid
 */
#define _GNU_SOURCE
#include "phases.h"

#include <fcntl.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct orders {
	char run[128], out[128], attack[32], way[16], shed[16];
};

static void read_order(char *to, size_t size, const char *word, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(word, name, n) == 0)
		snprintf(to, size, "%s", word + n);
}

static struct orders read_orders(int argc, const char **argv)
{
	struct orders o = {.way = "fork", .shed = "none"};

	for (int i = 0; i < argc; i++) {
		read_order(o.run, sizeof o.run, argv[i], "RUN=");
		read_order(o.out, sizeof o.out, argv[i], "OUT=");
		read_order(o.attack, sizeof o.attack, argv[i], "ATTACK=");
		read_order(o.way, sizeof o.way, argv[i], "WAY=");
		read_order(o.shed, sizeof o.shed, argv[i], "SHED=");
	}
	return o;
}

/* The child of a fork: never returns. */
static void become(const struct orders *o, const char *phase, uid_t target)
{
	uid_t caller = getuid();
	int fd = open(o->out, O_WRONLY | O_APPEND);

	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(126);
	if (strcmp(o->shed, "caller") == 0 && setresuid(caller, caller, caller) < 0)
		_exit(125);
	if (strcmp(o->shed, "target") == 0 && seteuid(target) < 0)
		_exit(124);
	execl(o->run, o->run, phase, (char *)NULL);
	_exit(127);
}

static pid_t fork_as(const char *way)
{
	if (strcmp(way, "_Fork") == 0)
		return _Fork();
	if (strcmp(way, "syscall") == 0)
#ifdef SYS_fork
		return (pid_t)syscall(SYS_fork);
#else
		return (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
#endif
	return fork();
}

static int by_shell(const struct orders *o, const char *phase)
{
	char command[512], line[512];
	char *argv[] = {"sh", "-c", command, NULL};
	int status = -1;
	pid_t pid;

	snprintf(command, sizeof command, "exec %s %s >>%s 2>&1", o->run, phase, o->out);
	if (strcmp(o->way, "system") == 0)
		return system(command);
	if (strcmp(o->way, "popen") == 0) {
		FILE *f = popen(command, "re");
		while (f != NULL && fgets(line, sizeof line, f) != NULL)
			;
		return f != NULL ? pclose(f) : -1;
	}
	if (posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) == 0)
		waitpid(pid, &status, 0);
	return status;
}

/* In a function of its own: what the caller keeps in registers outlives vfork. */
static pid_t start_program(const struct orders *o, const char *phase, uid_t target)
{
	pid_t pid = strcmp(o->way, "vfork") == 0 ? vfork() : fork_as(o->way);

	if (pid == 0)
		become(o, phase, target);
	return pid;
}

static int start(pam_handle_t *h, const char *phase, const struct orders *o)
{
	const void *user;
	struct passwd *pw;
	int status = -1, module = strcmp(o->shed, "module") == 0, root = strcmp(o->shed, "root") == 0;
	uid_t before = geteuid();

	if (pam_get_item(h, PAM_USER, &user) != PAM_SUCCESS || !(pw = getpwnam(user)))
		return PAM_SYSTEM_ERR;
	if (o->attack[0] != 0)
		setenv("CAPSU_ATTACK", o->attack, 1);
	if (module && seteuid(pw->pw_uid) < 0)
		return PAM_SYSTEM_ERR;
	if (root && seteuid(0) < 0)
		root = 0;
	if (strstr(" spawn system popen ", o->way) != NULL) {
		status = by_shell(o, phase);
	} else {
		waitpid(start_program(o, phase, pw->pw_uid), &status, 0);
	}
	if ((module || root) && seteuid(before) < 0)
		return PAM_SYSTEM_ERR;
	unsetenv("CAPSU_ATTACK");
	return status == 0 ? PAM_SUCCESS : PAM_SYSTEM_ERR;
}

static void at_end(pam_handle_t *h, void *data, int status)
{
	start(h, status & PAM_DATA_SILENT ? "child" : "end", data);
	free(data);
}

int act(pam_handle_t *h, const char *phase, int argc, const char **argv)
{
	struct orders o = read_orders(argc, argv), *kept;

	if (strcmp(phase, "auth") == 0 && (kept = malloc(sizeof *kept)) != NULL) {
		*kept = o;
		if (pam_set_data(h, "helper", kept, at_end) != PAM_SUCCESS)
			return PAM_BUF_ERR;
	}
	return start(h, phase, &o);
}
