/* lookup.c - how long the machine's pam_cap.so takes to look a user up.
 * lookup CONFDIR SERVICE USER TIMES: prints nanoseconds for one pam_authenticate,
 * which reads the policy once, the best of TIMES. */
#define _GNU_SOURCE
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int silent(int n, const struct pam_message **m, struct pam_response **r, void *data)
{
	(void)n, (void)m, (void)r, (void)data;
	return PAM_CONV_ERR;
}

int main(int argc, char **argv)
{
	struct pam_conv conv = {silent, NULL};
	long best = -1;

	if (argc != 5)
		return 1;
	for (int n = atoi(argv[4]); n > 0; n--) {
		struct timespec a, b;
		pam_handle_t *h;

		if (pam_start_confdir(argv[2], argv[3], &conv, argv[1], &h) != PAM_SUCCESS)
			return 1;
		clock_gettime(CLOCK_MONOTONIC, &a);
		int status = pam_authenticate(h, PAM_SILENT);
		clock_gettime(CLOCK_MONOTONIC, &b);
		pam_end(h, status);
		long took = (b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec;
		if (best < 0 || took < best)
			best = took;
	}
	printf("%ld\n", best);
	return 0;
}
