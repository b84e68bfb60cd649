/* mark.c - a PAM module that leaves a mark which only a tracer sees: a harmless
 * system call with a number that no program uses. programs/inject.c looks for it. */
#define _GNU_SOURCE
#include <security/pam_modules.h>
#include <sys/syscall.h>
#include <unistd.h>

static int mark(int number)
{
	syscall(SYS_getpriority, number, 0);
	return PAM_SUCCESS;
}

int pam_sm_authenticate(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

int pam_sm_setcred(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)argc, (void)argv;
	return mark(flags & PAM_DELETE_CRED ? 7702 : 7701);
}

int pam_sm_open_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags, (void)argc, (void)argv;
	return mark(7703);
}

int pam_sm_close_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags, (void)argc, (void)argv;
	return mark(7704);
}
