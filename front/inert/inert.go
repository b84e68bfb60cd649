// Package inert keeps a test binary of capsu from becoming a monitor before its tests
// begin, even if root runs it. It defines a symbol that front/start.c looks for. Only
// tests import it. It has no functions, so nothing is privileged and any thread will do.
package inert

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
const int capsu_is_tested = 1;
*/
import "C"
