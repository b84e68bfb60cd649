/* phases.h - the functions of a PAM module that does what it does by the phase:
 * auth, account, setcred, delete, open or close. */
#ifndef CAPSU_PHASES_H
#define CAPSU_PHASES_H

#include <security/pam_appl.h>
#include <security/pam_modules.h>

/* The module's work. */
int act(pam_handle_t *h, const char *phase, int argc, const char **argv);

int pam_sm_authenticate(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)flags;
	return act(h, "auth", argc, argv);
}

int pam_sm_setcred(pam_handle_t *h, int flags, int argc, const char **argv)
{
	return act(h, flags & PAM_DELETE_CRED ? "delete" : "setcred", argc, argv);
}

int pam_sm_acct_mgmt(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)flags;
	return act(h, "account", argc, argv);
}

int pam_sm_open_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)flags;
	return act(h, "open", argc, argv);
}

int pam_sm_close_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)flags;
	return act(h, "close", argc, argv);
}

#endif
