/* pamconv.h - what libpam offers and the Go library does not. */
#ifndef CAPSU_PAMCONV_H
#define CAPSU_PAMCONV_H

#include <security/pam_appl.h>
#include <stddef.h>
#include <stdint.h>

/* capsu_fail_delay asks for a delay of usec after a failure, and has it slept
 * in full: libpam's own way returns at the first signal. */
int capsu_fail_delay(pam_handle_t *pamh, unsigned usec);

/* capsu_guard_exit makes a failure of a module's exit(3), whatever its status:
 * nobody shall take it for a session that went well. It is on for each
 * transaction from pam_start to pam_end: after the last one exit(3) is the
 * program's own. Go's race detector ends by it. */
int capsu_guard_exit(int on);

/* capsu_faults gives the signals of a module's own faults their defaults, so
 * that it ends the process without the Go runtime's words (on), or gives them
 * back to the runtime (off). */
void capsu_faults(int on);

/* capsu_count counts the entries of a NULL-terminated list. */
size_t capsu_count(char **list);

#endif
