/*
 * logins.c - entries of utmp, wtmp and btmp.
 *
 * pututxline(3) does not fit: it waits for its lock with an alarm and a signal handler,
 * which a process with the Go runtime cannot have. Any user may lock a file that they may
 * read, so that wait needs an end.
 *
 * Readers count in records, so a part of a record makes all later ones unreadable.
 *
 * MUST NOT create a file: if it is missing, the host does not want it.
 * MUST NOT leave a part of a record: what could not be written whole is taken back.
 * MUST NOT wait for locks longer than the caller's patience; then it goes on without.
 */
#define _GNU_SOURCE
#include "logins.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define RECORD ((off_t)sizeof(struct utmpx))
#define STEP 10000 /* microseconds between two tries */

/* An open file. */
struct file {
	int fd;
	int locked;
	off_t size;
};

/* Cuts a part of a record off the end. Another program may write at this moment without a
 * lock; so it looks twice. */
static int cut_tail(struct file *f)
{
	struct stat st = {.st_size = 0}, again;

	if (fstat(f->fd, &st) < 0)
		return -1;
	f->size = st.st_size;
	if (!S_ISREG(st.st_mode) || f->size % RECORD == 0)
		return 0;
	usleep(STEP);
	if (fstat(f->fd, &again) < 0)
		return -1;
	f->size = again.st_size;
	if (again.st_size != st.st_size || f->size % RECORD == 0)
		return 0;
	f->size -= f->size % RECORD;
	return ftruncate(f->fd, f->size);
}

/* Closes the file. It returns -1 with errno as it was if the work is not done, 0 if it is,
 * and LOGINS_UNLOCKED if it is, without the lock. */
static int finish(struct file *f, int done)
{
	int err = errno;

	if (f->fd >= 0)
		close(f->fd);
	errno = err;
	return !done ? -1 : f->locked ? 0 : LOGINS_UNLOCKED;
}

static int open_locked(struct file *f, const char *path, int flags, int *patience)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	*f = (struct file){.fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW)};
	if (f->fd < 0)
		return 0;
	while (!(f->locked = fcntl(f->fd, F_OFD_SETLK, &lock) == 0) && *patience > 0) {
		usleep(STEP);
		*patience -= 1;
	}
	return cut_tail(f) == 0;
}

/* Writes a record at the offset, or wherever O_APPEND has it. If it cannot be written whole,
 * was is there again (NULL: nothing), and errno says why. */
static int write_whole(struct file *f, const struct utmpx *record, off_t at, const struct utmpx *was)
{
	const char *bytes = (const char *)record;
	size_t done = 0;
	struct stat st;
	ssize_t n;

	if (lseek(f->fd, at, SEEK_SET) < 0)
		return 0;
	/* after a part, the next call says why it was a part */
	while (done < sizeof *record && (n = write(f->fd, bytes + done, sizeof *record - done)) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	if (done == sizeof *record)
		return 1;
	int err = n < 0 ? errno : ENOSPC;
	off_t end = lseek(f->fd, 0, SEEK_CUR);
	if (done > 0 && was)
		(void)!pwrite(f->fd, was, done, at);
	else if (done > 0 && fstat(f->fd, &st) == 0 && st.st_size == end) /* else another has written behind it */
		(void)!ftruncate(f->fd, end - (off_t)done);
	errno = err;
	return 0;
}

int logins_append(const char *path, const struct utmpx *entry, int *patience)
{
	struct file f;

	return finish(&f, open_locked(&f, path, O_WRONLY | O_APPEND, patience) && write_whole(&f, entry, f.size, NULL));
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

int logins_put(const char *path, const struct utmpx *entry, struct utmpx *before, int *patience)
{
	struct file f;

	memset(before, 0, sizeof *before);
	if (!open_locked(&f, path, O_RDWR, patience))
		return finish(&f, 0);
	off_t at = find(f.fd, entry, before);
	struct utmpx now = *entry;
	if (before->ut_type != EMPTY)
		memcpy(now.ut_id, before->ut_id, sizeof now.ut_id);
	return finish(&f, write_whole(&f, &now, at, before->ut_type != EMPTY ? before : NULL));
}

int logins_restore(const char *path, const struct utmpx *entry, const struct utmpx *before, int *patience)
{
	struct utmpx now, found;
	struct file f;

	if (!open_locked(&f, path, O_RDWR, patience))
		return finish(&f, 0);
	off_t at = find(f.fd, entry, &found);
	if (found.ut_type != USER_PROCESS || found.ut_pid != entry->ut_pid)
		return finish(&f, 1); /* another login's by now, or never entered */
	now = *before;
	if (before->ut_type == EMPTY) {
		now = found;
		now.ut_type = DEAD_PROCESS;
		memset(now.ut_user, 0, sizeof now.ut_user);
	}
	return finish(&f, write_whole(&f, &now, at, &found));
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
