/* A PAM module for tests. It sends the messages that its arguments name, in one call, and
 * succeeds if the conversation does as they say. Arguments: off, on, info, error, strange
 * (an unknown style), many (33 messages), none (0 messages), fails (the conversation must
 * fail and return no answer), ANSWER=text (the answer to every prompt must be text). */
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <stdlib.h>
#include <string.h>

int pam_sm_authenticate(pam_handle_t *h, int flags, int argc, const char **argv)
{
	const struct pam_conv *conv;
	struct pam_message text[33], *msg[33];
	struct pam_response *resp = (struct pam_response *)1;
	const char *answer = NULL;
	int n = 0, fails = 0;

	(void)flags;
	memset(text, 0, sizeof text);
	for (int i = 0; i < 33; i++)
		msg[i] = &text[i], text[i].msg_style = PAM_TEXT_INFO, text[i].msg = "text";
	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "off"))
			text[n].msg = "secret? ", text[n++].msg_style = PAM_PROMPT_ECHO_OFF;
		else if (!strcmp(argv[i], "on"))
			text[n].msg = NULL, text[n++].msg_style = PAM_PROMPT_ECHO_ON;
		else if (!strcmp(argv[i], "info"))
			text[n++].msg_style = PAM_TEXT_INFO;
		else if (!strcmp(argv[i], "error"))
			text[n++].msg_style = PAM_ERROR_MSG;
		else if (!strcmp(argv[i], "strange"))
			text[n++].msg_style = 99;
		else if (!strcmp(argv[i], "many"))
			n = 33;
		else if (!strcmp(argv[i], "none"))
			n = 0;
		else if (!strcmp(argv[i], "fails"))
			fails = 1;
		else if (!strncmp(argv[i], "ANSWER=", 7))
			answer = argv[i] + 7;
	}
	if (pam_get_item(h, PAM_CONV, (const void **)&conv) != PAM_SUCCESS)
		return PAM_SYSTEM_ERR;
	if (fails)
		resp = NULL;
	int status = conv->conv(n, (const struct pam_message **)msg, &resp, conv->appdata_ptr);
	if (fails)
		return status == PAM_CONV_ERR && resp == NULL ? PAM_SUCCESS : PAM_SYSTEM_ERR;
	if (status != PAM_SUCCESS)
		return status;
	for (int i = 0; i < n; i++) {
		int prompt = text[i].msg_style == PAM_PROMPT_ECHO_OFF || text[i].msg_style == PAM_PROMPT_ECHO_ON;
		if (prompt && (!resp[i].resp || strcmp(resp[i].resp, answer)))
			status = PAM_AUTH_ERR;
		free(resp[i].resp);
	}
	free(resp);
	return status;
}

int pam_sm_setcred(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}
