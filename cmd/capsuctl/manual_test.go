package main

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// helpOf returns a command's help.
func helpOf(t *testing.T, command func([]string) int) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	status := command([]string{"--help"})
	os.Stdout = stdout
	w.Close()
	var text bytes.Buffer
	if _, err := io.Copy(&text, r); err != nil || status != exitGood {
		t.Fatal(status, err)
	}
	return text.String()
}

// The page has each command with each of its options, and no others. The usage text has
// each command.
func TestManualPageAndCommandsAgree(t *testing.T) {
	text, err := os.ReadFile("../../doc/capsuctl.8")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	_, rest, _ := strings.Cut(page, ".Sh SYNOPSIS\n")
	synopsis, _, _ := strings.Cut(rest, ".Sh DESCRIPTION\n")
	var inPage, there []string
	for _, entry := range strings.Split(synopsis, ".Nm\n") {
		name, options, is := strings.Cut(strings.TrimPrefix(entry, ".Cm "), "\n")
		if !is || !strings.HasPrefix(entry, ".Cm ") {
			continue
		}
		inPage = append(inPage, name)
		command := commands[name]
		if command == nil {
			t.Errorf("%s: no such command", name)
			continue
		}
		flag := regexp.MustCompile(`\.Op Fl -([a-z]+)( Ar [a-z]+)?`)
		var documented, real []string
		for _, m := range flag.FindAllStringSubmatch(options, -1) {
			documented = append(documented, m[1]+map[bool]string{true: " value", false: ""}[m[2] != ""])
			if !strings.Contains(page[len(synopsis):], "Fl -"+m[1]) {
				t.Errorf("%s --%s: is not described", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`(?m)^ +--([a-z]+)( string)?`).FindAllStringSubmatch(helpOf(t, command), -1) {
			real = append(real, m[1]+map[bool]string{true: " value", false: ""}[m[2] != ""])
		}
		slices.Sort(documented)
		slices.Sort(real)
		if !slices.Equal(documented, real) {
			t.Errorf("%s: the page has %q, the program %q", name, documented, real)
		}
	}
	for name := range commands {
		there = append(there, name)
		if !strings.Contains(usage, "\n  "+name+" ") {
			t.Errorf("%s: is not in the usage text", name)
		}
	}
	slices.Sort(inPage)
	slices.Sort(there)
	if !slices.Equal(inPage, there) {
		t.Errorf("the page has %q, the program %q", inPage, there)
	}
	// the exit statuses
	for _, line := range []string{".It 0\nGood.", ".It 1\nA finding, or an error.", ".It 2\nBad usage."} {
		if !strings.Contains(page, line) {
			t.Errorf("%q is missing", line)
		}
	}
	// the keys of explain, in the order in which it prints them
	keys := regexp.MustCompile(`json:"([a-z]+)"`)
	source, err := os.ReadFile("explain.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range keys.FindAllStringSubmatch(string(source), -1) {
		names = append(names, m[1])
	}
	if !strings.Contains(page, ".Li "+strings.Join(names, " , ")+" .\n") {
		t.Errorf("the keys of explain are %q", names)
	}
}
