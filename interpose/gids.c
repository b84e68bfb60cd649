/*
 * gids.c - the C library's functions that change gids and groups. Here they change the
 * calling thread alone. Functions that read gids need no replacement: the leader has
 * the gids that su has.
 */
#define _GNU_SOURCE
#include "interpose.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int setgid(gid_t gid)
{
	return armed() ? (int)raw(SYS_setgid, gid) : LIBC(int (*)(gid_t), setgid, gid);
}

int setegid(gid_t gid)
{
	if (gid == (gid_t)-1) {
		errno = EINVAL;
		return -1;
	}
	return armed() ? (int)raw(SYS_setresgid, -1, gid, -1) : LIBC(int (*)(gid_t), setegid, gid);
}

int setregid(gid_t r, gid_t e)
{
	return armed() ? (int)raw(SYS_setregid, r, e) : LIBC(int (*)(gid_t, gid_t), setregid, r, e);
}

int setresgid(gid_t r, gid_t e, gid_t s)
{
	return armed() ? (int)raw(SYS_setresgid, r, e, s) : LIBC(int (*)(gid_t, gid_t, gid_t), setresgid, r, e, s);
}

int setgroups(size_t n, const gid_t *groups)
{
	return armed() ? (int)raw(SYS_setgroups, n, groups) : LIBC(int (*)(size_t, const gid_t *), setgroups, n, groups);
}

int initgroups(const char *user, gid_t gid)
{
	gid_t *groups = NULL, *more;
	int room = 64, n = room, done = -1;

	if (!armed())
		return LIBC(int (*)(const char *, gid_t), initgroups, user, gid);
	while ((more = realloc(groups, (size_t)room * sizeof *groups))) {
		groups = more;
		n = room;
		if (getgrouplist(user, gid, groups, &n) >= 0) {
			done = (int)raw(SYS_setgroups, (size_t)n, groups);
			break;
		}
		room = n > room ? n : room * 2;
	}
	int err = errno;
	free(groups);
	errno = err;
	return done;
}
