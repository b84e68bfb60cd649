// Package inert keeps a test binary of capsu from becoming a monitor before its
// tests begin, also when root runs it. Only tests import it; start.c looks for
// the symbol.
package inert

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
const int capsu_is_tested = 1;
*/
import "C"
