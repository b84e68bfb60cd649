/*
 * attempts.c - tries what root may do, and writes a word for each attempt that
 * succeeds. It is a program, with the arguments FILE PID, and a PAM module that
 * does the same when the session is opened and closed, with OUTPUT FILE PID.
 *   FILE is root's, PID is another user's process.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <security/pam_modules.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void attempts(FILE *out, const char *file, const char *pid)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int s = socket(AF_INET, SOCK_STREAM, 0), fd;

	/* a port that is in use is allowed, too */
	if (bind(s, (struct sockaddr *)&a, sizeof a) == 0 || errno == EADDRINUSE)
		fprintf(out, " port");
	close(s);
	if (mount("none", "/mnt", "tmpfs", 0, "") == 0) {
		umount("/mnt");
		fprintf(out, " mount");
	}
	if (kill(atoi(pid), 0) == 0)
		fprintf(out, " signal");
	if ((fd = open(file, O_WRONLY | O_APPEND)) >= 0) {
		close(fd);
		fprintf(out, " file");
	}
	if (chown(file, 0, 1) == 0 && chown(file, 0, 0) == 0)
		fprintf(out, " chown");
	if (chroot("/") == 0)
		fprintf(out, " chroot");
	fprintf(out, ".\n");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	attempts(stdout, argv[1], argv[2]);
	return 0;
}

static int record(const char *phase, int argc, const char **argv)
{
	FILE *out;

	if (argc != 3 || !(out = fopen(argv[0], "a")))
		return PAM_SESSION_ERR;
	fprintf(out, "%s:", phase);
	attempts(out, argv[1], argv[2]);
	fclose(out);
	return PAM_SUCCESS;
}

int pam_sm_open_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags;
	return record("open", argc, argv);
}

int pam_sm_close_session(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h, (void)flags;
	return record("close", argc, argv);
}
