/* rename.c - a PAM module that changes the target, as modules do that map names. */
#include <security/pam_modules.h>

int pam_sm_authenticate(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)flags;
	return argc == 1 ? pam_set_item(h, PAM_USER, argv[0]) : PAM_AUTH_ERR;
}

int pam_sm_setcred(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}
