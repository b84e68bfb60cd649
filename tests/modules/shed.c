/*
 * shed.c - a PAM module that sheds privilege in each phase as modules do, then tries
 * what the target may not do, and takes its privilege back. Arguments:
 *
 *   OUT=FILE       a line for each try: what it said, or "done"
 *   LINK=PATH      a path of the target's, to be given to it by chown
 *   SECRET=PATH    a file of root's, to be opened
 *   HOW            seteuid, setfsuid, setresuid or drop_priv
 *   ASK            while authenticating it asks a question, with its privilege shed
 *
 * Phases: auth account setcred open close delete; in pam_end, end, and child of
 * the session's first process.
 */
#define _GNU_SOURCE
#include "phases.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <security/pam_modutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

struct orders {
	const char *out, *link, *secret, *how;
	int ask;
};

static struct orders read_orders(int argc, const char **argv)
{
	struct orders o = {0};

	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "OUT=", 4) == 0)
			o.out = argv[i] + 4;
		else if (strncmp(argv[i], "LINK=", 5) == 0)
			o.link = argv[i] + 5;
		else if (strncmp(argv[i], "SECRET=", 7) == 0)
			o.secret = argv[i] + 7;
		else if (strcmp(argv[i], "ASK") == 0)
			o.ask = 1;
		else
			o.how = argv[i];
	return o;
}

static const char *said(int status)
{
	return status < 0 ? strerrorname_np(errno) : "done";
}

static const char *opened(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *word = said(fd);

	if (fd >= 0)
		close(fd);
	return word;
}

/* What was shed comes back: seteuid(0) and its like, as modules end. */
static int shed(pam_handle_t *h, struct pam_modutil_privs *kept, const char *how, const struct passwd *pw, int back)
{
	static uid_t before;

	if (!back)
		before = geteuid();
	if (strcmp(how, "seteuid") == 0)
		return seteuid(back ? before : pw->pw_uid);
	if (strcmp(how, "setresuid") == 0)
		return setresuid((uid_t)-1, back ? before : pw->pw_uid, (uid_t)-1);
	if (strcmp(how, "drop_priv") == 0)
		return back ? pam_modutil_regain_priv(h, kept) : pam_modutil_drop_priv(h, kept, pw);
	setfsuid(back ? before : pw->pw_uid);
	return 0;
}

static void ask(pam_handle_t *h)
{
	char *answer = NULL;

	pam_prompt(h, PAM_PROMPT_ECHO_OFF, &answer, "Code: ");
	free(answer);
}

static int try_all(pam_handle_t *h, const char *phase, const struct orders *o)
{
	PAM_MODUTIL_DEF_PRIVS(kept);
	const void *user;
	struct passwd *pw;
	FILE *out;

	if (!o->out || !o->link || !o->secret || !o->how || pam_get_item(h, PAM_USER, &user) != PAM_SUCCESS ||
	    !(pw = getpwnam(user)) || !(out = fopen(o->out, "ae")))
		return PAM_SESSION_ERR;
	fprintf(out, "%s %s:", phase, o->how);
	fprintf(out, " shed %s,", said(shed(h, &kept, o->how, pw, 0)));
	if (o->ask && strcmp(phase, "auth") == 0)
		ask(h);
	fprintf(out, " chown %s,", said(chown(o->link, pw->pw_uid, (gid_t)-1)));
	fprintf(out, " open %s;", opened(o->secret));
	fprintf(out, " back %s,", said(shed(h, &kept, o->how, pw, 1)));
	fprintf(out, " open %s\n", opened(o->secret));
	return fclose(out) == 0 ? PAM_SUCCESS : PAM_SESSION_ERR;
}

static void at_end(pam_handle_t *h, void *data, int status)
{
	try_all(h, status & PAM_DATA_SILENT ? "child" : "end", data);
	free(data);
}

int act(pam_handle_t *h, const char *phase, int argc, const char **argv)
{
	struct orders o = read_orders(argc, argv), *kept;

	if (strcmp(phase, "auth") == 0 && (kept = malloc(sizeof *kept)) != NULL) {
		*kept = o; /* libpam keeps the arguments to the end */
		if (pam_set_data(h, "shed", kept, at_end) != PAM_SUCCESS)
			return PAM_BUF_ERR;
	}
	return try_all(h, phase, &o);
}
