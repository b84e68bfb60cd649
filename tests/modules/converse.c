/*
 * converse.c - a PAM module that does what its arguments say, in their order:
 *
 *   info=TEXT error=TEXT         a message
 *   ask=PROMPT=ANSWER            a question without echo; another answer fails
 *   show=PROMPT=ANSWER           the same with echo
 *   user=NAME                    PAM_USER becomes NAME
 *   env=NAME=VALUE               into the PAM environment
 *   setenv=NAME=VALUE            into the process's environment, past PAM
 *   ignore=NUMBER                this signal, and leaves it so
 *   fail=NUMBER                  returns this status
 *   setcred=NUMBER               pam_setcred returns this status
 *
 * Text with blanks stands in brackets: pam.d(5).
 */
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char *value(const char *word, const char *name)
{
	size_t n = strlen(name);

	return strncmp(word, name, n) == 0 ? word + n : NULL;
}

static int ask(pam_handle_t *h, int style, const char *what)
{
	char prompt[256], *answer = NULL;
	const char *want = strrchr(what, '=');
	int ok;

	if (want == NULL || want - what >= (long)sizeof prompt)
		return PAM_SERVICE_ERR;
	memcpy(prompt, what, (size_t)(want - what));
	prompt[want - what] = 0;
	ok = pam_prompt(h, style, &answer, "%s", prompt) == PAM_SUCCESS && answer != NULL && strcmp(answer, want + 1) == 0;
	free(answer);
	return ok ? PAM_SUCCESS : PAM_AUTH_ERR;
}

static int act(pam_handle_t *h, int argc, const char **argv)
{
	int status = PAM_SUCCESS;
	const char *v;

	for (int i = 0; i < argc && status == PAM_SUCCESS; i++) {
		if ((v = value(argv[i], "info=")) != NULL)
			status = pam_prompt(h, PAM_TEXT_INFO, NULL, "%s", v);
		else if ((v = value(argv[i], "error=")) != NULL)
			status = pam_prompt(h, PAM_ERROR_MSG, NULL, "%s", v);
		else if ((v = value(argv[i], "ask=")) != NULL)
			status = ask(h, PAM_PROMPT_ECHO_OFF, v);
		else if ((v = value(argv[i], "show=")) != NULL)
			status = ask(h, PAM_PROMPT_ECHO_ON, v);
		else if ((v = value(argv[i], "user=")) != NULL)
			status = pam_set_item(h, PAM_USER, v);
		else if ((v = value(argv[i], "env=")) != NULL)
			status = pam_putenv(h, v);
		else if ((v = value(argv[i], "setenv=")) != NULL)
			status = putenv(strdup(v)) == 0 ? PAM_SUCCESS : PAM_SYSTEM_ERR;
		else if ((v = value(argv[i], "ignore=")) != NULL)
			status = signal(atoi(v), SIG_IGN) != SIG_ERR ? PAM_SUCCESS : PAM_SYSTEM_ERR;
		else if ((v = value(argv[i], "fail=")) != NULL)
			status = atoi(v);
	}
	return status;
}

int pam_sm_authenticate(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)flags;
	return act(h, argc, argv);
}

int pam_sm_setcred(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags;
	for (int i = 0; i < argc; i++)
		if (value(argv[i], "setcred=") != NULL)
			return atoi(value(argv[i], "setcred="));
	return PAM_SUCCESS;
}

int pam_sm_acct_mgmt(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)flags;
	return act(h, argc, argv);
}

int pam_sm_open_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)flags;
	return act(h, argc, argv);
}

int pam_sm_close_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}
