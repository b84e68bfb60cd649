// Package house checks the sources against ARCHITECTURE.md: which package may import which,
// and how large a package or file may become.
package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	mostOfAPackage = 1600 // lines
	mostOfAFile    = 400
	mostOfACFile   = 250
)

// layers reads the table of ARCHITECTURE.md: the layer of each package.
func layers(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	layer := map[string]int{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\d) \| (.*?) \|`).FindAllStringSubmatch(string(text), -1) {
		n, _ := strconv.Atoi(row[1])
		for _, name := range strings.Split(row[2], ", ") {
			layer[name] = n
		}
	}
	if len(layer) < 15 {
		t.Fatalf("ARCHITECTURE.md: a table of %d packages", len(layer))
	}
	return layer
}

// packages returns the source files of each package, without tests.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel("..", path)
		if err == nil && entry.IsDir() && slices.Contains([]string{"tests", "tools", "build", "house", ".git"}, name) {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(path); slices.Contains([]string{".go", ".c", ".h"}, ext) &&
			!strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "testdata") {
			files[filepath.Dir(name)] = append(files[filepath.Dir(name)], path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestImportsRunDownwards(t *testing.T) {
	layer := layers(t)
	for name, files := range packages(t) {
		own, known := layer[name]
		if !known {
			t.Errorf("%s: is not in the table of ARCHITECTURE.md", name)
		}
		for _, path := range files {
			if filepath.Ext(path) != ".go" {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range file.Imports {
				other, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), "capsu/")
				if ours && layer[other] >= own {
					t.Errorf("%s: imports %s, which does not stand below it", path, other)
				}
			}
		}
	}
}

// Each of these costs every session time at its start, and gives an attacker more to look at.
func TestThePrivilegedProgramLeavesOutWhatItDoesNotNeed(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "../cmd/capsu").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := strings.Fields(string(out))
	for _, name := range []string{"regexp", "net", "os/exec", "encoding/json", "debug/elf", "capsu/stack"} {
		if slices.Contains(all, name) {
			t.Errorf("capsu links %s", name)
		}
	}
}

func TestNoRoomIsTooLarge(t *testing.T) {
	for name, files := range packages(t) {
		total := 0
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			most, n := mostOfAFile, strings.Count(string(text), "\n")
			if filepath.Ext(path) == ".c" {
				most = mostOfACFile
			}
			if total += n; n > most {
				t.Errorf("%s: %d lines, more than %d", path, n, most)
			}
		}
		if total > mostOfAPackage {
			t.Errorf("%s: %d lines, more than %d", name, total, mostOfAPackage)
		}
	}
}

// No two C files need each other, not even by way of a third. The compiler and nm(1) tell
// what a file defines and what it needs.
func TestNoCircleOfCFiles(t *testing.T) {
	dir := t.TempDir()
	definedIn, needs := map[string]string{}, map[string][]string{}
	for _, files := range packages(t) {
		for _, path := range files {
			if filepath.Ext(path) != ".c" || strings.Contains(path,
				"pamconv") { // it has one C file, which needs what cgo generates
				continue
			}
			object := filepath.Join(dir, strings.ReplaceAll(path, "/", "_")+".o")
			args := []string{"-c", "-I../privilege", "-I../interpose", "-fno-inline", "-o", object, path}
			if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
				t.Fatalf("gcc %s: %v\n%s", path, err, out)
			}
			out, err := exec.Command("nm", object).Output()
			if err != nil {
				t.Fatalf("nm: %v", err)
			}
			for line := range strings.Lines(string(out)) {
				words := strings.Fields(line)
				switch kind, name := words[len(words)-2], words[len(words)-1]; kind {
				case "U", "w":
					needs[path] = append(needs[path], name)
				case "T", "D", "B", "R":
					definedIn[name] = path
				}
			}
		}
	}
	done := map[string]bool{}
	var walk func(path string, way []string)
	walk = func(path string, way []string) {
		if i := slices.Index(way, path); i >= 0 {
			t.Errorf("a circle: %s", strings.Join(append(way[i:], path), " -> "))
			return
		}
		if done[path] {
			return
		}
		defer func() { done[path] = true }()
		for _, name := range needs[path] {
			if other := definedIn[name]; other != "" && other != path {
				walk(other, append(slices.Clip(way), path))
			}
		}
	}
	for _, path := range definedIn {
		walk(path, nil)
	}
	if len(needs) < 15 {
		t.Errorf("%d C files, and no circle between others can be excluded", len(needs))
	}
}

// model is the name of the test in tests/README.md that shows how to write one. It exists there
// alone.
const model = "TestTheUmaskOfTheCallerIsTheSessions"

// Each test that a document names exists.
func TestDocumentsNameTestsThatExist(t *testing.T) {
	var sources strings.Builder
	documents, _ := filepath.Glob("../*.md")
	more, _ := filepath.Glob("../*/*.md")
	tests, _ := filepath.Glob("../*/*_test.go")
	below, _ := filepath.Glob("../cmd/*/*_test.go")
	for _, path := range append(tests, below...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sources.Write(text)
	}
	named := 0
	for _, path := range append(documents, more...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w{5,}`).FindAllString(string(text), -1) {
			named++
			if name != model && !strings.Contains(sources.String(), "func "+name) { // or the beginning of several names
				t.Errorf("%s: there is no %s", path, name)
			}
		}
	}
	if named < 40 {
		t.Errorf("%d tests named", named)
	}
}
