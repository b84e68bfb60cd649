package interpose

/*
#include "interpose.h"
#include <stdlib.h>
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// ShowUsual lets modules, and the scripts that they run, find HOME and PATH as they
// find them under a usual caller of su. HOME is home, the caller's passwd entry's, and PATH
// is root's, whatever the caller's own environment says: scripts run as root, and
// modules have trusted such variables before (CVE-2010-3853). From here on what
// modules change is theirs. It must run on the leader.
func ShowUsual(home string) error {
	text := C.CString(home)
	defer C.free(unsafe.Pointer(text))
	if r, err := C.left_begin(text); r < 0 {
		return fmt.Errorf("environment of the modules: %w", err)
	}
	return nil
}

// Left returns what modules have changed in the process since ShowUsual: variables
// that they put into its environment, past PAM, and signals that they ignore (bit
// n-1). Under su both reach the session. It must run on the leader.
func Left() (variables []string, ignored uint64) {
	for i := C.size_t(0); ; i++ {
		entry := C.left_variable(i)
		if entry == nil {
			return variables, uint64(C.left_ignored())
		}
		variables = append(variables, C.GoString(entry))
	}
}
