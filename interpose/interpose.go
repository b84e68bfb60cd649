// Package interpose defines functions of the C library in its place, so that PAM
// modules find what they find under a setuid su. Modules are loaded later than the
// program and bind to its functions.
//
// It raises nothing itself: a function that changes an identity goes by what the
// leader has (package privilege). Its own functions must be called on the leader.
package interpose

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -I${SRCDIR}/../privilege
*/
import "C"

import _ "capsu/privilege" // the C functions of this package call its own
