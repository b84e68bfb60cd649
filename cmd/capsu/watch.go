package main

/*
#include "start.h"
*/
import "C"

import (
	"unsafe"

	"capsu/records"
)

// watch has the monitor end if a module or a name service holds it for longer
// than a caller should wait who wants an end; overdue.c does it, and tells the
// system log what the attempt has come to. All of it on the leader.
type watch struct {
	attempt *records.Attempt
	closing bool // the session is over, and what closes it goes on without a caller
}

// on watches what runs from here on.
func (w *watch) on(what string) {
	reason := what + ": does not return, and the caller wants an end"
	log, say := w.attempt.Left(reason), "capsu: "+reason+"\n"
	// SAFETY: C copies both, by their lengths, before it returns.
	C.overdue_watch((*C.char)(unsafe.Pointer(unsafe.StringData(log))), C.size_t(len(log)),
		(*C.char)(unsafe.Pointer(unsafe.StringData(say))), C.size_t(len(say)), C.int(map[bool]int{false: 1}[w.closing]))
}

// between watches what is not a call of PAM's.
func (w *watch) between() {
	w.on(map[bool]string{false: "start of the session", true: "end of the session"}[w.closing])
}

// off is for the session itself, which Wait ends.
func (w *watch) off() { C.overdue_reset(0) }

// again watches what closes the session.
func (w *watch) again() {
	w.closing = true
	w.between()
}

// forget is for a prompt, which hears the caller itself.
func (w *watch) forget() { C.overdue_reset(1) }
