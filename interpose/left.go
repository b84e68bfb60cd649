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

// ShowUsual sets HOME and PATH for modules and the scripts that they run. HOME is home,
// from the caller's passwd entry; PATH is root's. The caller's own values do not count:
// scripts run as root, and modules have trusted such variables (CVE-2010-3853). Left
// reports changes since this call. It must run on the leader.
func ShowUsual(home string) error {
	text := C.CString(home)
	defer C.free(unsafe.Pointer(text))
	if r, err := C.left_begin(text); r < 0 {
		return fmt.Errorf("environment of the modules: %w", err)
	}
	return nil
}

// Left returns what modules have changed in the process since ShowUsual: variables
// ("NAME=value") that they set in its environment rather than in PAM's, and signals that
// they ignore (bit n-1 is signal n). Under su both reach the session. It must run on the
// leader.
func Left() (variables []string, ignored uint64) {
	for i := C.size_t(0); ; i++ {
		entry := C.left_variable(i)
		if entry == nil {
			return variables, uint64(C.left_ignored())
		}
		variables = append(variables, C.GoString(entry))
	}
}
