/*
 * ids.c - a PAM module that changes identities at random and writes down what it
 * then finds: pam_ids.so FILE SEED UID... In each phase it appends to FILE. Under
 * su and under capsu the same seed must write the same.
 *
 * It always keeps a way back to uid 0, and takes it at the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <security/pam_modules.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SAME = -1, ROUNDS = 60, CHANGES = 12, MOST = 8 };

static unsigned long next;

static unsigned chance(unsigned n)
{
	next = next * 6364136223846793005UL + 1442695040888963407UL;
	return (unsigned)(next >> 33) % n;
}

static int opens(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Sets as "none" or "some": how many there are is each program's own. */
static const char *some(int permitted)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d) < 0)
		return "?";
	return (permitted ? d[0].permitted | d[1].permitted : d[0].effective | d[1].effective) ? "some" : "none";
}

static void write_down(FILE *f, const char *what, int result, int err)
{
	uid_t r, e, s;
	int fs = setfsuid((uid_t)SAME);
	/* with another's uid and a capability over files, the capability decides */
	int tells = fs == 0 || strcmp(some(0), "none") == 0;

	getresuid(&r, &e, &s);
	fprintf(f, "%s = %d %s: %d %d, %d %d %d, fs %d, effective %s, permitted %s, root's file %d\n", what, result,
	        result < 0 ? strerror(err) : "", (int)getuid(), (int)geteuid(), (int)r, (int)e, (int)s, fs,
	        some(0), some(1), tells && opens("/opt/rootonly"));
}

/* Would uid 0 be gone? */
static int is_last(int r, int e, int s, int real, int both)
{
	uid_t now[3];

	getresuid(&now[0], &now[1], &now[2]);
	r = r == SAME ? (int)now[0] : r;
	s = both && (real || (e != SAME && e != (int)now[0])) ? (e == SAME ? (int)now[1] : e) : s == SAME ? (int)now[2] : s;
	e = e == SAME ? (int)now[1] : e;
	return r != 0 && e != 0 && s != 0;
}

static void change(FILE *f, const int *uids, int n)
{
	int a = uids[chance((unsigned)n)], b = uids[chance((unsigned)n)], c = uids[chance((unsigned)n)], result = 0;
	char what[80];

	switch (chance(6)) {
	case 0:
		if (is_last(SAME, a, SAME, 0, 0))
			return;
		snprintf(what, sizeof what, "seteuid(%d)", a);
		result = seteuid((uid_t)a);
		break;
	case 1:
		if (is_last(a, b, SAME, a != SAME, 1))
			return;
		snprintf(what, sizeof what, "setreuid(%d, %d)", a, b);
		result = setreuid((uid_t)a, (uid_t)b);
		break;
	case 2:
		if (is_last(a, b, c, 0, 0))
			return;
		snprintf(what, sizeof what, "setresuid(%d, %d, %d)", a, b, c);
		result = setresuid((uid_t)a, (uid_t)b, (uid_t)c);
		break;
	case 3:
		if (is_last(a, b, SAME, a != SAME, 1))
			return;
		snprintf(what, sizeof what, "SYS_setreuid(%d, %d)", a, b);
		result = (int)syscall(SYS_setreuid, a, b);
		break;
	case 4:
		snprintf(what, sizeof what, "setuid(0)");
		result = setuid(0);
		break;
	case 5:
		snprintf(what, sizeof what, "setfsuid(%d)", a);
		setfsuid((uid_t)a);
		break;
	}
	write_down(f, what, result, errno);
}

/* As it began: caller/0/0. */
static void back(FILE *f, uid_t real)
{
	int result = setresuid((uid_t)SAME, 0, (uid_t)SAME);

	if (result == 0)
		result = setresuid(real, 0, 0);
	write_down(f, "back", result, errno);
}

static int run(const char *phase, int argc, const char **argv)
{
	int uids[MOST] = {SAME}, n = 1;
	FILE *f = fopen(argv[0], "ae");
	uid_t real = getuid();

	if (!f || argc < 2)
		return PAM_SYSTEM_ERR;
	next = strtoul(argv[1], NULL, 10);
	for (int i = 2; i < argc && n < MOST; i++)
		uids[n++] = atoi(argv[i]);
	fprintf(f, "== %s\n", phase);
	for (int i = 0; i < ROUNDS; i++) {
		for (int k = 0; k < CHANGES; k++)
			change(f, uids, n);
		back(f, real);
	}
	fclose(f);
	return PAM_SUCCESS;
}

#define PHASE(name) \
	int pam_sm_##name(pam_handle_t *pamh, int flags, int argc, const char **argv) \
	{ \
		(void)pamh, (void)flags; \
		return run(#name, argc, argv); \
	}
PHASE(authenticate)
PHASE(setcred)
PHASE(acct_mgmt)
PHASE(open_session)
PHASE(close_session)
