/* leave.c - a PAM module that leaves something behind in the session that it opens.
 *   descriptor   an open file, without close-on-exec
 *   death        the child is killed as it ends its copy of the transaction
 *   dumpable     its memory may be read from then on */
#include <fcntl.h>
#include <security/pam_modules.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void clean(pam_handle_t *h, void *data, int status)
{
	(void)h;
	if (!(status & PAM_DATA_SILENT)) /* only the child ends it so */
		return;
	if (strcmp(data, "death") == 0)
		kill(getpid(), SIGKILL);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

int pam_sm_open_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)flags;
	if (argc == 1 && strcmp(argv[0], "descriptor") == 0)
		return open("/etc/passwd", O_RDONLY) < 0 ? PAM_SESSION_ERR : PAM_SUCCESS;
	return pam_set_data(h, "leave", argc == 1 && strcmp(argv[0], "dumpable") == 0 ? "dumpable" : "death", clean);
}

int pam_sm_close_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}
