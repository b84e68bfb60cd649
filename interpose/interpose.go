// Package interpose defines functions of the C library, so that PAM modules see what
// they see under a setuid su. Modules are loaded after the program, so they bind to its
// functions.
//
// Modules call these functions while the leader has the privilege of Leader.Call
// (package privilege). On the leader setuid, seteuid, setreuid, setresuid and setfsuid raise
// CAP_SETUID for a moment (call_by_right in ids.c), for changes of uids that the kernel would
// allow under su. A module's child raises too (fork.c). Call the package's Go functions on
// the leader.
package interpose

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -I${SRCDIR}/../privilege
*/
import "C"

import _ "capsu/privilege" // the C functions of this package call its own
