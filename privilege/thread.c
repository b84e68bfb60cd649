/*
 * thread.c - every thread but the leader is born powerless.
 *
 * This program defines pthread_create, and the Go runtime, modules and libraries use
 * it. A new thread empties its sets, becomes guard/0/guard without groups and locks
 * SECBIT_NOROOT before it runs anything else; its maker waits for that. If
 * CapabilitiesSet has left the leader too little, the thread's three uids are the
 * guard's, and it may keep the leader's groups.
 *
 * A thread needs the effective uid 0 for one purpose: it takes the real uid 0 while it
 * makes a thread itself, so that the kernel does not count that one (RLIMIT_NPROC).
 * A thread without a permitted capability cannot gain one, so it stays powerless.
 *
 * A thread made in another way (clone(2), glibc's own threads) is not registered.
 * privilege_threads notices it, because the kernel counts it.
 *
 * MUST end the process if a thread cannot be made powerless.
 */
#define _GNU_SOURCE
#include "privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_int registered;

struct birth {
	void *(*run)(void *);
	void *arg;
	sem_t powerless;
};

/* Sets and locks NOROOT; without it a program that the thread executes as uid 0 gets
 * the whole bounding set. Without CAP_SETPCAP the bit cannot be locked, but nor can a
 * thread with nothing permitted clear it. 0: it is off and stays off. */
static int lock_noroot(void)
{
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), want = bits | SECBIT_NOROOT | SECBIT_NOROOT_LOCKED;

	return bits == want || prctl(PR_SET_SECUREBITS, want, 0, 0, 0) == 0 || bits & SECBIT_NOROOT;
}

/* Threads stay uid 0 if there is no guard, or in a root caller's monitor without
 * CAP_SETUID (CapabilitiesSet). */
static int stays_root(void)
{
	return privilege.guard == NOBODY || (privilege.caller == 0 && privilege_ids().r == 0);
}

/* The effective uid is the guard's too without NOROOT, or if the leader lacks
 * CAP_SETUID and is not uid 0: its real uid allows that much. */
static int take_uids(int noroot)
{
	uid_t g = privilege.guard;

	if (g == NOBODY || (noroot && raw(SYS_setresuid, g, 0, g) == 0) || raw(SYS_setresuid, g, g, g) == 0)
		return 0;
	return stays_root() ? 0 : -1;
}

static int become_powerless(void)
{
	struct sets none = {0, 0, 0}, now;
	struct ids is;
	gid_t g = privilege.guard_gid;

	if (sets_read(&now) < 0 || sets_effective(~0ULL) < 0)
		return -1;
	int noroot = lock_noroot();
	if (now.p & BIT(CAP_SETGID) && privilege.guard != NOBODY &&
	    (raw(SYS_setgroups, 0, NULL) < 0 || raw(SYS_setresgid, g, g, g) < 0))
		return -1;
	if (take_uids(noroot) < 0 || sets_apply(none) < 0 || privilege_hide() < 0 || sets_read(&now) < 0)
		return -1;
	is = privilege_ids();
	if (now.p | now.e | now.i)
		return -1;
	return stays_root() || (is.r == privilege.guard && is.s == is.r && (is.e == is.r || (is.e == 0 && noroot))) ? 0 : -1;
}

static void unregister(void *unused)
{
	(void)unused;
	atomic_fetch_sub(&registered, 1);
}

static void *run_powerless(void *p)
{
	struct birth *b = p;
	void *(*run)(void *) = b->run, *arg = b->arg;

	if (PERSIST(become_powerless()) < 0)
		die("a thread that keeps its privilege");
	atomic_fetch_add(&registered, 1);
	sem_post(&b->powerless); /* from here on b may be gone: it is on the maker's stack */
	pthread_cleanup_push(unregister, NULL);
	arg = run(arg);
	pthread_cleanup_pop(1);
	return arg;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	static int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	struct birth b = {.run = run, .arg = arg};
	struct privilege_as_root h;

	if (!create)
		create = real("pthread_create");
	if (privilege.ending) /* pam_end unloads the module whose code the thread would run */
		return EAGAIN;
	if (privilege.leader == 0 || (pid_t)raw(SYS_getpid) != privilege.leader) /* not armed, or a module's child */
		return create(thread, attr, run, arg);
	if (sem_init(&b.powerless, 0, 0) < 0)
		return errno;
	privilege_as_root_begin(&h);
	int err = create(thread, attr, run_powerless, &b);
	privilege_as_root_end(&h);
	while (err == 0 && sem_wait(&b.powerless) < 0)
		;
	sem_destroy(&b.powerless);
	return err;
}

/* The link count of this directory is the number of threads plus 2 (proc_task_getattr
 * in the kernel's fs/proc/base.c). stat(2) costs a fraction of reading it. */
static int count_threads(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) < 0 ? -1 : (int)st.st_nlink - 2;
}

int privilege_threads(void)
{
	const struct timespec pause = {0, 1000000};
	int n, more = 0;

	/* The kernel counts an ending thread a moment longer than it is registered. */
	for (int i = 0; i < 100; i++) {
		if ((n = count_threads()) < 0)
			return -1;
		if ((more = n - 1 - atomic_load(&registered)) == 0)
			return 0;
		nanosleep(&pause, NULL);
	}
	return more;
}

static void set_effective(uint64_t e)
{
	if (PERSIST(sets_effective(e)) < 0)
		die("capset");
}

void privilege_as_root_begin(struct privilege_as_root *h)
{
	struct sets now;
	struct ids ids = privilege_ids();

	*h = (struct privilege_as_root){0, ids.r, 0};
	if (ids.r == 0 || privilege.leader == 0 || sets_read(&now) < 0)
		return;
	/* Without CAP_SETUID the real uid 0 needs a way back: the effective or saved uid.
	 * A leader that has neither (CapabilitiesSet) is counted. */
	if (!(now.p & BIT(CAP_SETUID)) && ids.r != ids.e && ids.r != ids.s)
		return;
	h->e = now.e;
	if (now.p & BIT(CAP_SETUID))
		set_effective(now.e | BIT(CAP_SETUID));
	h->held = raw(SYS_setresuid, 0, NOBODY, NOBODY) == 0;
	if (!h->held)
		set_effective(now.e);
}

void privilege_as_root_end(const struct privilege_as_root *h)
{
	if (!h->held)
		return;
	if (PERSIST(raw(SYS_setresuid, h->uid, NOBODY, NOBODY)) < 0)
		die("setresuid");
	set_effective(h->e);
	if (PERSIST(privilege_hide()) < 0)
		die("dumpable");
}
