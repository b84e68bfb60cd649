/* logins.h - entries of utmp, wtmp and btmp; see logins.c. */
#ifndef CAPSU_LOGINS_H
#define CAPSU_LOGINS_H

#include <utmpx.h>

/* Each returns 0, or -1 with errno. */

/* Appends an entry to a file that is there. */
int logins_append(const char *path, const struct utmpx *entry);

/* Puts entry where the terminal's own is, or at the end; before gets what
 * stood there (ut_type EMPTY: nothing). */
int logins_put(const char *path, const struct utmpx *entry, struct utmpx *before);

/* Puts before, or if that is empty an entry of a dead process, where the
 * terminal's entry is, if that still has this pid. */
int logins_restore(const char *path, const struct utmpx *entry, const struct utmpx *before);

/* Fills in an entry: type, this process, the terminal's line, the user, the time. */
void logins_fill(struct utmpx *entry, short type, const char *line, const char *user);

#endif
