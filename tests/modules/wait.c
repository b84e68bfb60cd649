/*
 * wait.c - a PAM module that waits in each phase as long as the file DIR/PHASE
 * exists. Before it waits it makes DIR/PHASE.reached. DIR is its argument.
 * Phases: auth account setcred delete open close; in pam_end, child (of the
 * session's first process) and end; helper, in open_session, with a program
 * that the module has started as pam_exec starts one. Its pid, or else the
 * waiting process's, is in DIR/PHASE.reached. In open_session, too: as-target,
 * as-caller and swapped, with its privilege shed by seteuid or setreuid.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pwd.h>
#include <security/pam_modules.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int there(const char *dir, const char *phase)
{
	char gate[256];

	snprintf(gate, sizeof gate, "%s/%s", dir, phase);
	return access(gate, F_OK) == 0;
}

static void wait_for(const char *dir, const char *phase, pid_t pid)
{
	char making[300], reached[300], text[32];
	int fd, n;

	if (!there(dir, phase))
		return;
	snprintf(reached, sizeof reached, "%s/%s.reached", dir, phase);
	snprintf(making, sizeof making, "%s/%s.making", dir, phase);
	if ((fd = open(making, O_CREAT | O_WRONLY | O_CLOEXEC, 0666)) >= 0) {
		n = snprintf(text, sizeof text, "%d\n", pid);
		if (write(fd, text, (size_t)n) == n)
			rename(making, reached); /* whole, or not there */
		close(fd);
	}
	while (there(dir, phase))
		usleep(5000);
}

static int wait_in(const char *phase, int argc, const char **argv)
{
	if (argc < 1)
		return PAM_SERVICE_ERR;
	wait_for(argv[0], phase, getpid());
	return PAM_SUCCESS;
}

static void at_end(pam_handle_t *h, void *dir, int status)
{
	(void)h;
	wait_for(dir, status & PAM_DATA_SILENT ? "child" : "end", getpid());
}

static void with_a_helper(const char *dir)
{
	if (!there(dir, "helper"))
		return;
	pid_t helper = fork();
	if (helper == 0) {
		execl("/bin/sleep", "sleep", "600", (char *)NULL);
		_exit(127);
	}
	wait_for(dir, "helper", helper);
	kill(helper, SIGKILL);
	waitpid(helper, NULL, 0);
}

static int shed(pam_handle_t *h, const char *dir)
{
	const void *user;
	struct passwd *pw;
	int failed = 0;

	if (pam_get_item(h, PAM_USER, &user) != PAM_SUCCESS || !(pw = getpwnam(user)))
		return PAM_SYSTEM_ERR;
	if (there(dir, "as-target")) {
		failed |= seteuid(pw->pw_uid);
		wait_for(dir, "as-target", getpid());
		failed |= seteuid(0);
	}
	if (there(dir, "as-caller")) {
		failed |= seteuid(getuid());
		wait_for(dir, "as-caller", getpid());
		failed |= seteuid(0);
	}
	if (there(dir, "swapped")) {
		failed |= setreuid(geteuid(), getuid());
		wait_for(dir, "swapped", getpid());
		failed |= setreuid(geteuid(), getuid());
	}
	return failed ? PAM_SYSTEM_ERR : PAM_SUCCESS;
}

int pam_sm_authenticate(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags;
	return wait_in("auth", argc, argv);
}

int pam_sm_acct_mgmt(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags;
	return wait_in("account", argc, argv);
}

int pam_sm_setcred(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h;
	return wait_in(flags & PAM_DELETE_CRED ? "delete" : "setcred", argc, argv);
}

int pam_sm_open_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)flags;
	if (wait_in("open", argc, argv) != PAM_SUCCESS || shed(h, argv[0]) != PAM_SUCCESS)
		return PAM_SERVICE_ERR;
	with_a_helper(argv[0]);
	return pam_set_data(h, "wait", (void *)argv[0], at_end); /* libpam keeps argv to the end */
}

int pam_sm_close_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags;
	return wait_in("close", argc, argv);
}
