// Package stack reads PAM service files (pam.d(5)), to say which modules a
// service runs, from where, and which capabilities they need. It decides
// nothing: libpam reads the files itself. It needs no privilege.
package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Directories is where Linux-PAM looks for service files, in order.
var Directories = []string{"/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d"}

// Module is one module as a service file names it.
type Module struct {
	Type string // auth, account, password or session
	Name string // of its file, without directory: pam_unix.so
	Args []string
	File string
	Line int
}

// ErrNoService says that no directory has a file of that name.
var ErrNoService = errors.New("no file of that name in /etc/pam.d")

// legacy is where Linux-PAM looks if there is no /etc/pam.d at all.
const legacy = "/etc/pam.conf"

// Exists makes sure that a service has a file of its own: libpam would
// quietly use the service "other" in its place. Where there is no /etc/pam.d
// at all, /etc/pam.conf decides, and libpam reads it.
func Exists(service string) error {
	there := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	for _, dir := range Directories {
		if there(filepath.Join(dir, service)) {
			return nil
		}
	}
	if _, err := os.Stat(Directories[0]); errors.Is(err, fs.ErrNotExist) && there(legacy) {
		return nil
	}
	return ErrNoService
}

// maxDepth is how far service files may include each other; libpam stops too.
const maxDepth = 32

// Read returns the modules of a service in order, those of included services
// where they are included.
func Read(service string) ([]Module, error) { return read(service, "", maxDepth) }

func read(service, only string, depth int) ([]Module, error) {
	if depth == 0 {
		return nil, fmt.Errorf("%s: service files include each other", service)
	}
	path, text, err := find(service)
	if err != nil {
		return nil, err
	}
	var modules []Module
	for _, l := range logicalLines(text) {
		words := split(l.text)
		var more []Module
		var err error
		switch {
		case len(words) == 0:
			continue
		case words[0] == "@include" && len(words) > 1:
			more, err = read(words[1], only, depth-1)
		case len(words) < 3:
			return nil, fmt.Errorf("%s:%d: neither type, control and module nor @include", path, l.number)
		default:
			kind := strings.ToLower(strings.TrimPrefix(words[0], "-"))
			if only != "" && kind != only {
				continue
			}
			if words[1] == "include" || words[1] == "substack" {
				more, err = read(words[2], kind, depth-1)
				break
			}
			more = []Module{{Type: kind, Name: filepath.Base(words[2]), Args: words[3:], File: path, Line: l.number}}
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, l.number, err)
		}
		modules = append(modules, more...)
	}
	return modules, nil
}

// find reads a service file; a name with a / is a file.
func find(service string) (path, text string, err error) {
	paths := []string{service}
	if !strings.Contains(service, "/") {
		paths = nil
		for _, dir := range Directories {
			paths = append(paths, filepath.Join(dir, service))
		}
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return path, string(text), err
		}
	}
	return "", "", fmt.Errorf("%s: %w", service, ErrNoService)
}

type logicalLine struct {
	number int
	text   string
}

// logicalLines joins lines that end in a backslash and takes comments away.
func logicalLines(text string) (all []logicalLine) {
	number, joined := 0, ""
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(strings.TrimSuffix(line, "\n"), "#")
		if rest, more := strings.CutSuffix(line, `\`); more {
			joined += rest + " "
			continue
		}
		all = append(all, logicalLine{number, joined + line})
		joined = ""
	}
	return append(all, logicalLine{number, joined})
}

// split returns the words of a line; one in brackets may have blanks.
func split(line string) (words []string) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] == '[' {
			if word, rest, closed := strings.Cut(line[1:], "]"); closed {
				words, line = append(words, word), rest
				continue
			}
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		words, line = append(words, line[:end]), line[end:]
	}
	return words
}
