/*
 * odd.c - becomes a user in an odd state, and executes a program. Root starts it:
 *
 *   odd UID GID DIRECTIVE ... -- PROGRAM ARGUMENT ...
 *
 * Directives (each a word): ignore=SIG block=SIG umask=OCTAL nice=N oom=N
 * close=FD extra=FD nocwd securebits=N drop=CAP inh amb nnp userns
 * env=NAME=VALUE clearenv fill=BYTES entries=N noargs args=N
 * alarm=MS stack=BYTES
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static char *env[200010];
static int nenv;

static void die(const char *what)
{
	fprintf(stderr, "odd: %s: %s\n", what, strerror(errno));
	_exit(99);
}

static void sets(unsigned long long e, unsigned long long p, unsigned long long i)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {{e, p, i}, {e >> 32, p >> 32, i >> 32}};

	if (syscall(SYS_capset, &h, d) < 0)
		die("capset");
}

static unsigned long long permitted(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d) < 0)
		die("capget");
	return d[0].permitted | (unsigned long long)d[1].permitted << 32;
}

static const char *value(const char *word, const char *name)
{
	size_t n = strlen(name);
	return strncmp(word, name, n) == 0 ? word + n : NULL;
}

/* What needs root. */
static void before(const char *w)
{
	const char *v;

	if ((v = value(w, "nice=")))
		setpriority(PRIO_PROCESS, 0, atoi(v));
	else if ((v = value(w, "drop=")) && prctl(PR_CAPBSET_DROP, atoi(v), 0, 0, 0) < 0)
		die(w);
	else if ((v = value(w, "oom="))) {
		int fd = open("/proc/self/oom_score_adj", O_WRONLY);
		if (fd < 0 || write(fd, v, strlen(v)) < 0)
			die(w);
		close(fd);
	}
}

/* What needs no privilege. */
static void after(const char *w, int *args)
{
	const char *v;
	sigset_t set;

	if ((v = value(w, "ignore=")))
		signal(atoi(v), SIG_IGN);
	else if ((v = value(w, "block="))) {
		sigemptyset(&set);
		sigaddset(&set, atoi(v));
		sigprocmask(SIG_BLOCK, &set, NULL);
	} else if ((v = value(w, "umask=")))
		umask(strtol(v, NULL, 8));
	else if ((v = value(w, "close=")))
		close(atoi(v));
	else if ((v = value(w, "extra=")))
		dup2(open("/etc/passwd", O_RDONLY), atoi(v));
	else if (!strcmp(w, "nocwd")) {
		char dir[] = "/dev/shm/oddXXXXXX";
		mode_t mask = umask(022);
		if (!mkdtemp(dir) || chdir(dir) < 0 || rmdir(dir) < 0)
			die(w);
		umask(mask);
	} else if (!strcmp(w, "nnp"))
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	else if (!strcmp(w, "userns")) {
		if (unshare(CLONE_NEWUSER) < 0)
			die(w);
	} else if ((v = value(w, "env=")))
		env[nenv++] = (char *)v;
	else if ((v = value(w, "fill="))) {
		size_t n = strtoul(v, NULL, 10);
		for (size_t done = 0; done < n; done += 100000) {
			char *big = malloc(100100);
			memset(big, 'x', 100000);
			big[sprintf(big, "FILL%zu=", done / 100000)] = 'x';
			big[100000] = 0;
			env[nenv++] = big;
		}
	} else if ((v = value(w, "entries="))) {
		for (int i = atoi(v); i > 0; i--)
			if (asprintf(&env[nenv++], "E%d=%d", i, i) < 0)
				die(w);
	} else if (!strcmp(w, "noargs"))
		*args = 0;
	else if ((v = value(w, "args=")))
		*args = atoi(v);
	else if ((v = value(w, "alarm="))) {
		struct itimerval it = {{0, 0}, {0, atoi(v) * 1000}};
		setitimer(ITIMER_REAL, &it, NULL);
	} else if ((v = value(w, "stack="))) {
		struct rlimit l;
		getrlimit(RLIMIT_STACK, &l);
		l.rlim_cur = strtoul(v, NULL, 10);
		setrlimit(RLIMIT_STACK, &l);
	}
}

int main(int argc, char **argv)
{
	static char *many[100010];
	uid_t uid;
	gid_t gid;
	int first, args = -1, inh = 0, amb = 0;
	unsigned long long caps = 0, all = 0;
	long bits = -1;

	if (argc < 5)
		return 98;
	uid = atoi(argv[1]);
	gid = atoi(argv[2]);
	for (first = 3; first < argc && strcmp(argv[first], "--"); first++) {
		before(argv[first]);
		inh |= !strcmp(argv[first], "inh");
		amb |= !strcmp(argv[first], "amb");
		if (value(argv[first], "securebits="))
			bits = strtol(value(argv[first], "securebits="), NULL, 0);
	}
	/* the user, who keeps Inheritable, Ambient and securebits */
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		die("identity");
	all = caps = permitted();
	for (int c = 0; c < 64; c++)
		if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) != 1)
			caps &= ~(1ULL << c);
	sets(all, all, inh || amb ? caps : 0);
	if (bits >= 0 && prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
		die("securebits");
	if (amb)
		for (int c = 0; c < 64; c++)
			if (caps & 1ULL << c)
				prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0);
	if (!amb && uid != 0)
		sets(0, 0, inh ? caps : 0);
	for (int i = 3; i < first; i++)
		after(argv[i], &args);
	env[nenv] = NULL;
	char *program = argv[first + 1];
	char **av = &argv[first + 1];
	if (args == 0) {
		many[0] = NULL;
		av = many;
	} else if (args > 0) {
		int n = 0;
		for (char **p = av; *p; p++)
			many[n++] = *p;
		while (n < args)
			many[n++] = "x";
		many[n] = NULL;
		av = many;
	}
	execve(program, av, env);
	fprintf(stderr, "odd: exec: %s\n", strerror(errno));
	return 97;
}
