//go:build privileged

package tests

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
)

// goSettings reads what the Go runtime of a process of the installed capsu has settled on, as
// root from its memory: the number of processors, GOGC (-1: off) and asyncpreemptoff.
func goSettings(t *testing.T, pid string) (all [3]int32) {
	t.Helper()
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	info, err := file.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	var base uint64
	maps := must(t, "cat", "/proc/"+pid+"/maps")
	for line := range strings.Lines(maps) {
		if strings.HasSuffix(line, program+"\n") {
			fmt.Sscanf(line, "%x-", &base) // the first mapping is of offset 0
			break
		}
	}
	mem, err := os.Open("/proc/" + pid + "/mem")
	if err != nil || base == 0 {
		t.Fatal(err, maps)
	}
	defer mem.Close()
	for i, name := range []string{"runtime.gomaxprocs", "runtime.gcController", "runtime.debug"} {
		field := []string{"", "gcPercent", "asyncpreemptoff"}[i]
		at := base + offsetOf(t, info, name, field)
		for _, s := range symbols {
			if s.Name == name {
				at += s.Value
			}
		}
		var raw [4]byte
		if _, err := mem.ReadAt(raw[:], int64(at)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[i] = int32(binary.NativeEndian.Uint32(raw[:]))
	}
	return all
}

// offsetOf is where a variable of Go has a field of 32 bits, in bytes.
func offsetOf(t *testing.T, info *dwarf.Data, variable, field string) uint64 {
	t.Helper()
	if field == "" {
		return 0
	}
	for r := info.Reader(); ; {
		e, err := r.Next()
		if err != nil || e == nil {
			t.Fatalf("%s.%s is nowhere: %v", variable, field, err)
		}
		if e.Tag == dwarf.TagSubprogram {
			r.SkipChildren()
		}
		if e.Tag != dwarf.TagVariable || e.Val(dwarf.AttrName) != variable {
			continue
		}
		kind, err := info.Type(e.Val(dwarf.AttrType).(dwarf.Offset))
		if err != nil {
			t.Fatal(err)
		}
		if def, ok := kind.(*dwarf.TypedefType); ok {
			kind = def.Type
		}
		for _, f := range kind.(*dwarf.StructType).Field {
			if f.Name == field {
				return uint64(f.ByteOffset)
			}
		}
	}
}

// The settings took the places of the caller's variables, so that a caller with fewer than three
// variables chose the defaults of the runtime.
func TestACallerWithoutVariablesDoesNotChooseTheRuntimesSettings(t *testing.T) {
	for _, env := range []string{
		"", "A=1", "A=1 B=2", "GOGC=7 GOMAXPROCS=3", "LD_LIBRARY_PATH=/x GOMAXPROCS=3", "A=1 B=2 C=3 GOGC=7",
	} {
		t.Run(env, func(t *testing.T) {
			c := call{program: "/usr/bin/env", args: append(append(words("-i"), strings.Fields(env)...), program, "ghost")}
			r := during(t, c, func(_, monitor string) {
				if got, want := goSettings(t, monitor), [3]int32{1, -1, 1}; got != want {
					t.Errorf("processors, GOGC and asyncpreemptoff are %d, want %d", got, want)
				}
			})
			if r.status != 0 || r.stderr != "Password: " {
				t.Errorf("%+v", r)
			}
		})
	}
}
