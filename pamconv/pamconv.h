/* pamconv.h - functions of libpam that the Go library lacks, and two guards against
 * modules that end the process. */
#ifndef CAPSU_PAMCONV_H
#define CAPSU_PAMCONV_H

#include <security/pam_appl.h>
#include <stddef.h>
#include <stdint.h>

/* capsu_fail_delay asks for a delay of usec microseconds after a failure, and sleeps it in
 * full: libpam's own sleep ends at the first signal. It returns a PAM status. */
int capsu_fail_delay(pam_handle_t *pamh, unsigned usec);

/* capsu_guard_exit gives a module's exit(3) status 1, so that it never looks like a session
 * that went well. Call it with 1 before pam_start and with 0 after pam_end. With no
 * transaction open, exit(3) is the program's own: Go's race detector ends by it. It returns
 * what atexit(3) does. */
int capsu_guard_exit(int on);

/* capsu_faults sets the signals of faults (SIGSEGV and others) to their defaults if on is
 * 1, so that a module's fault ends the process without the Go runtime's crash text. If on
 * is 0 it gives them back to the runtime. */
void capsu_faults(int on);

/* capsu_count counts the entries of a NULL-terminated list. */
size_t capsu_count(char **list);

#endif
