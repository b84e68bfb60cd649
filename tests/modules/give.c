/* give.c - a PAM module that gives a file to the target when the session opens, and
 * back to root when it closes. It needs CAP_CHOWN for both. */
#include <pwd.h>
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <unistd.h>

int pam_sm_open_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	const void *user;
	struct passwd *pw;

	(void)flags;
	if (argc != 1 || pam_get_item(h, PAM_USER, &user) != PAM_SUCCESS || !(pw = getpwnam(user)))
		return PAM_SESSION_ERR;
	return chown(argv[0], pw->pw_uid, (gid_t)-1) == 0 ? PAM_SUCCESS : PAM_SESSION_ERR;
}

int pam_sm_close_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags;
	return argc == 1 && chown(argv[0], 0, (gid_t)-1) == 0 ? PAM_SUCCESS : PAM_SESSION_ERR;
}
