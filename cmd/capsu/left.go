package main

/*
#include "start.h"
#include <stdlib.h>
*/
import "C"

import (
	"fmt"
	"unsafe"

	"capsu/account"
)

// showUsual lets modules, and the scripts that they run, find HOME and PATH as they
// find them under a usual caller of su. HOME is the caller's passwd entry's and PATH
// is root's, whatever the caller's own environment says: scripts run as root, and
// modules have trusted such variables before (CVE-2010-3853). From here on what
// modules change is theirs. It must run on the leader.
func showUsual(caller *account.User) error {
	home := C.CString(caller.Home)
	defer C.free(unsafe.Pointer(home))
	if r, err := C.left_begin(home); r < 0 {
		return fmt.Errorf("environment of the modules: %w", err)
	}
	return nil
}

// left returns what modules have changed in the process since showUsual: variables
// that they put into its environment, past PAM, and signals that they ignore (bit
// n-1). Under su both reach the session. It must run on the leader.
func left() (variables []string, ignored uint64) {
	for i := C.size_t(0); ; i++ {
		entry := C.left_variable(i)
		if entry == nil {
			return variables, uint64(C.left_ignored())
		}
		variables = append(variables, C.GoString(entry))
	}
}
