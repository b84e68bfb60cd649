/*
 * logins.c - entries of utmp, wtmp and btmp.
 *
 * pututxline(3) does not fit: it waits for its lock with an alarm and a signal handler,
 * which a process with the Go runtime cannot have. Any user may lock a file that they may
 * read, so that wait needs an end.
 *
 * MUST NOT create a file: if it is missing, the host does not want it.
 * MUST NOT wait for a lock longer than a second; then it goes on without the lock.
 */
#define _GNU_SOURCE
#include "logins.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static int open_locked(const char *path, int flags)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);

	for (int tries = 0; fd >= 0 && tries < 100 && fcntl(fd, F_OFD_SETLK, &lock) < 0; tries++)
		usleep(10000);
	return fd;
}

/* Closes fd. It returns 0 if ok, otherwise -1 with errno as it was. */
static int finish(int fd, int ok)
{
	int err = errno;

	close(fd);
	errno = err;
	return ok ? 0 : -1;
}

int logins_append(const char *path, const struct utmpx *entry)
{
	int fd = open_locked(path, O_WRONLY | O_APPEND);

	return fd < 0 ? -1 : finish(fd, write(fd, entry, sizeof *entry) == sizeof *entry);
}

/* Returns the offset of the terminal's entry, or of the end. */
static off_t find(int fd, const struct utmpx *entry, struct utmpx *found)
{
	off_t at = 0;

	for (; pread(fd, found, sizeof *found, at) == sizeof *found; at += sizeof *found)
		if (found->ut_type >= LOGIN_PROCESS && found->ut_type <= DEAD_PROCESS &&
		    strncmp(found->ut_line, entry->ut_line, sizeof entry->ut_line) == 0)
			return at;
	memset(found, 0, sizeof *found);
	return at;
}

int logins_put(const char *path, const struct utmpx *entry, struct utmpx *before)
{
	int fd = open_locked(path, O_RDWR);

	memset(before, 0, sizeof *before);
	if (fd < 0)
		return -1;
	off_t at = find(fd, entry, before);
	struct utmpx now = *entry;
	if (before->ut_type != EMPTY)
		memcpy(now.ut_id, before->ut_id, sizeof now.ut_id);
	return finish(fd, pwrite(fd, &now, sizeof now, at) == sizeof now);
}

int logins_restore(const char *path, const struct utmpx *entry, const struct utmpx *before)
{
	struct utmpx now, found;
	int fd = open_locked(path, O_RDWR);

	if (fd < 0)
		return -1;
	off_t at = find(fd, entry, &found);
	if (found.ut_type != USER_PROCESS || found.ut_pid != entry->ut_pid)
		return finish(fd, 1); /* another login's by now */
	now = *before;
	if (before->ut_type == EMPTY) {
		now = found;
		now.ut_type = DEAD_PROCESS;
		memset(now.ut_user, 0, sizeof now.ut_user);
	}
	return finish(fd, pwrite(fd, &now, sizeof now, at) == sizeof now);
}

void logins_fill(struct utmpx *entry, short type, const char *line, const char *user)
{
	struct timeval now;
	size_t n = strlen(line), id = sizeof entry->ut_id;

	memset(entry, 0, sizeof *entry);
	gettimeofday(&now, NULL);
	entry->ut_type = type;
	entry->ut_pid = getpid();
	entry->ut_session = getsid(0);
	entry->ut_tv.tv_sec = (int)now.tv_sec;
	entry->ut_tv.tv_usec = (int)now.tv_usec;
	/* a full field has no NUL, utmp(5) */
	strncpy(entry->ut_line, line, sizeof entry->ut_line);
	strncpy(entry->ut_user, user, sizeof entry->ut_user);
	strncpy(entry->ut_id, n > id ? line + n - id : line, id);
}
