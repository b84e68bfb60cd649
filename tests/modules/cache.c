/*
 * cache.c - a PAM module that makes a file for the target as pam_krb5 makes its
 * cache: mkstemp in a directory like /tmp, write, chown by the path. It does so TRIES
 * times in pam_setcred. It is a program, too, which does the same.
 *
 * Arguments: DIR TRIES USER
 */
#define _GNU_SOURCE
#include <pwd.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int make(const char *dir, const struct passwd *pw)
{
	char name[256], text[4096];

	snprintf(name, sizeof name, "%s/cache_XXXXXX", dir);
	int fd = mkstemp(name);
	if (fd < 0)
		return -1;
	memset(text, 'x', sizeof text);
	if (write(fd, text, sizeof text) < 0)
		return -1;
	usleep(1000); /* a library takes its time here */
	if (chown(name, pw->pw_uid, pw->pw_gid) < 0)
		perror("cache: chown");
	close(fd);
	unlink(name); /* whatever it is by now */
	return 0;
}

static int make_all(int argc, const char **argv)
{
	struct passwd *pw;

	if (argc != 3 || !(pw = getpwnam(argv[2])))
		return PAM_CRED_ERR;
	for (int i = atoi(argv[1]); i > 0; i--)
		if (make(argv[0], pw) < 0)
			return PAM_CRED_ERR;
	return PAM_SUCCESS;
}

int main(int argc, char **argv)
{
	return make_all(argc - 1, (const char **)argv + 1);
}

int pam_sm_authenticate(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

int pam_sm_setcred(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h;
	return flags & PAM_DELETE_CRED ? PAM_SUCCESS : make_all(argc, argv);
}
