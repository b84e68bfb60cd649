/* oracle.c - shows what the machine's own pam_cap.so does.
 *
 * oracle CONFDIR: for each line "SERVICE USER" of standard input, one line:
 *   what pam_authenticate returned, what pam_setcred returned, and after it the
 *   Inheritable, Ambient and Bounding set.
 * Each line has a process of its own, because libpam freezes the chain of modules
 * at the first call. The process starts with one Inheritable bit, so that "all",
 * "none" and no rule have different results. */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <security/pam_appl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int silent(int n, const struct pam_message **m, struct pam_response **r, void *data)
{
	(void)n, (void)m, (void)r, (void)data;
	return PAM_CONV_ERR;
}

static void sets(uint64_t out[3])
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d) < 0)
		abort();
	out[0] = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	out[1] = out[2] = 0;
	for (int c = 0; c < 64; c++) {
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, c, 0, 0) == 1)
			out[1] |= 1ULL << c;
		if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1)
			out[2] |= 1ULL << c;
	}
}

struct answer { int status; uint64_t sets[3]; };

static struct answer ask(const char *confdir, const char *service, const char *user, int setcred)
{
	struct answer a;
	int p[2];
	pid_t pid;

	if (pipe(p) < 0 || (pid = fork()) < 0)
		abort();
	if (pid == 0) {
		struct pam_conv conv = {silent, NULL};
		pam_handle_t *h;

		if (pam_start_confdir(service, user, &conv, confdir, &h) != PAM_SUCCESS)
			abort();
		a.status = setcred ? pam_setcred(h, PAM_ESTABLISH_CRED) : pam_authenticate(h, PAM_SILENT);
		sets(a.sets);
		_exit(write(p[1], &a, sizeof a) != sizeof a);
	}
	close(p[1]);
	if (read(p[0], &a, sizeof a) != sizeof a)
		abort();
	close(p[0]);
	waitpid(pid, NULL, 0);
	return a;
}

int main(int argc, char **argv)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	char service[64], user[64];

	if (argc != 2 || syscall(SYS_capget, &h, d) < 0)
		return 1;
	d[0].inheritable = 0;
	d[1].inheritable = 1U << (CAP_WAKE_ALARM - 32);
	if (syscall(SYS_capset, &h, d) < 0)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (scanf("%63s %63s", service, user) == 2) {
		struct answer auth = ask(argv[1], service, user, 0), cred = ask(argv[1], service, user, 1);

		printf("%d %d %016llx %016llx %016llx\n", auth.status, cred.status, (unsigned long long)cred.sets[0],
		       (unsigned long long)cred.sets[1], (unsigned long long)cred.sets[2]);
	}
	return 0;
}
