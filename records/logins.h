/* logins.h - entries of utmp, wtmp and btmp; see logins.c. */
#ifndef CAPSU_LOGINS_H
#define CAPSU_LOGINS_H

#include <utmpx.h>

/* The first three need the right to write the file. They return 0, or -1 with errno.
 *
 * patience is how many more times they may wait a hundredth of a second for a lock. When it
 * is used up they work without the lock, and return LOGINS_UNLOCKED.
 *
 * A record is written whole or not at all. A part of one, which another program has left at
 * the end of the file, is cut off. */

enum { LOGINS_UNLOCKED = 1 };

/* logins_append appends an entry to an existing file. */
int logins_append(const char *path, const struct utmpx *entry, int *patience);

/* logins_put writes entry over the terminal's present entry, or at the end. before gets the
 * present entry; its ut_type is EMPTY if there is none. */
int logins_put(const char *path, const struct utmpx *entry, struct utmpx *before, int *patience);

/* logins_restore writes before over the terminal's entry, if that still has entry's pid. If
 * before is EMPTY, it makes the terminal's entry that of a dead process. */
int logins_restore(const char *path, const struct utmpx *entry, const struct utmpx *before, int *patience);

/* logins_fill fills in an entry: type, this process, the terminal's line, user, time. */
void logins_fill(struct utmpx *entry, short type, const char *line, const char *user);

#endif
