/*
 * A PAM module that stops the world: in each phase it waits as long as the
 * file DIR/PHASE exists, having made DIR/PHASE.reached. DIR is its argument.
 * Phases: auth account setcred delete open close.
 */
#include <fcntl.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <unistd.h>

static int wait_in(const char *phase, int argc, const char **argv)
{
	char gate[256], reached[300];

	if (argc < 1)
		return PAM_SERVICE_ERR;
	snprintf(gate, sizeof gate, "%s/%s", argv[0], phase);
	snprintf(reached, sizeof reached, "%s.reached", gate);
	if (access(gate, F_OK) == 0)
		close(open(reached, O_CREAT | O_WRONLY, 0666));
	while (access(gate, F_OK) == 0)
		usleep(5000);
	return PAM_SUCCESS;
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
	(void)h, (void)flags;
	return wait_in("open", argc, argv);
}

int pam_sm_close_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags;
	return wait_in("close", argc, argv);
}
