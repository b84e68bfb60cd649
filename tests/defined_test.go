//go:build privileged

package tests

import (
	"debug/elf"
	"os"
	"regexp"
	"slices"
	"testing"
)

// The program defines functions of the C library in its place. Modules find them
// only if the linker has exported each one.
func TestWhatTheProgramDefinesIsExported(t *testing.T) {
	header, err := os.ReadFile("../interpose/interpose.h")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, found := range regexp.MustCompile(`\bX\((\w+)\)`).FindAllSubmatch(header, -1) {
		if name := string(found[1]); name != "X" {
			names = append(names, name)
		}
	}
	if len(names) < 20 {
		t.Fatalf("interpose.h names %d functions", len(names))
	}
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == name && s.Section != elf.SHN_UNDEF }) {
			t.Errorf("%s: is not exported", name)
		}
	}
}
